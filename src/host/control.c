/* The control socket: VICI, joined to the daemon. VICI's commands are host_command() with ids from CONTROL_ID_HOST on;
 * what it loads goes where config_load() puts the same from files. */
#include "host/control.h"

#include <stdio.h>

#include "host/config.h"
#include "host/counters.h"
#include "host/host.h"
#include "vici/pipe.h"

static ike_time now(void *context)
{
	return host_now(context);
}

static void command(void *context, const struct ike_command *c)
{
	host_command(context, c);
}

static void credentials_changed(void *context)
{
	host_credentials_changed(context);
}

static int reload(void *context)
{
	return config_load(context);
}

/* Sockets, limits and paths were read at the start; what the loop looks up each time changes now. */
static int reload_settings(void *context)
{
	return config_read_settings(context);
}

static int child_stats(void *context, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	struct host *h = context;

	return h->data_plane->child_stats(h, child_id, ret_stats);
}

static int trap_stats(void *context, uint32_t reqid, struct esp_trap_stats *ret_stats)
{
	struct host *h = context;

	return h->data_plane->trap_stats(h, reqid, ret_stats);
}

static void counters(void *context, vici_counter_fn *each, void *to)
{
	counters_read(context, each, to);
}

static void counters_from_zero(void *context)
{
	counters_reset(context);
}

static void log_line(void *context, const struct log_line *line)
{
	struct host *h = context;
	struct vici_log_line l = {
		.group = line->group,
		.ike_name = line->ike_name,
		.text = line->text,
		.level = line->level,
		.ike_id = line->ike_id,
	};

	if (h->vici)
		vici_log(vici_server_vici(h->vici), &l);
}

int control_open(struct host *h)
{
	struct vici_host lent = {
		.engine = h->engine,
		.keys = h->keys,
		.crypto = h->crypto,
		.user_space = !h->kernel,
		.started_at = h->started_at,
		.first_id = CONTROL_ID_HOST + 1,
		.context = h,
		.now = now,
		.command = command,
		.credentials_changed = credentials_changed,
		.reload = reload,
		.reload_settings = reload_settings,
		.child_stats = child_stats,
		.trap_stats = trap_stats,
		.counters = counters,
		.counters_reset = counters_from_zero,
	};
	char problem[300] = "";
	int r = vici_server_open(
		&h->loop, h->settings.vici_path, &lent, &h->vici, problem, sizeof(problem));

	if (r) {
		log_text(&h->log, "DMN", 0, "%s", problem);
		return r;
	}
	h->log.subscriber = log_line;
	h->log.context = h;
	return 0;
}

void control_close(struct host *h)
{
	h->log.subscriber = NULL;
	vici_server_close(h->vici);
	h->vici = NULL;
}

void control_event(struct host *h, const struct ike_event *event)
{
	char line[LOG_LINE_MAX];

	if (!h->vici)
		return;
	vici_event(vici_server_vici(h->vici), event, log_group(event->kind),
		log_render(event, line, sizeof(line)));
}
