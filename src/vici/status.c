/* The daemon itself: version, statistics, counters, the last lines of the log, reloading. */
#include "vici/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "wire/ikev2.h"

static void command_version(struct vici_session *s, const struct tree_node *request)
{
	struct utsname name = { 0 };
	struct vici_buffer b;

	(void)request;
	(void)uname(&name);
	vici_reply_begin(&b);
	vici_text(&b, "daemon", "ternd");
	vici_text(&b, "version", TERN_VERSION);
	vici_text(&b, "sysname", name.sysname);
	vici_text(&b, "release", name.release);
	vici_text(&b, "machine", name.machine);
	vici_reply(s, &b);
}

/* stats. */

static void write_uptime(struct vici *v, struct vici_buffer *b)
{
	time_t now = time(NULL), up = now - v->host.started_at;
	char since[64];
	struct tm tm;

	localtime_r(&v->host.started_at, &tm);
	strftime(since, sizeof(since), "%b %d %H:%M:%S %Y", &tm);
	vici_section(b, "uptime");
	if (up < 120)
		vici_printf(b, "running", "%lld seconds", (long long)up);
	else if (up < 2 * 3600)
		vici_printf(b, "running", "%lld minutes", (long long)up / 60);
	else if (up < 2 * 86400)
		vici_printf(b, "running", "%lld hours", (long long)up / 3600);
	else
		vici_printf(b, "running", "%lld days", (long long)up / 86400);
	vici_text(b, "since", since);
	vici_section_end(b);
}

static void write_priorities(struct vici_buffer *b, const char *name)
{
	static const char *const priorities[] = { "critical", "high", "medium", "low" };

	vici_section(b, name);
	for (size_t i = 0; i < sizeof(priorities) / sizeof(priorities[0]); i++)
		vici_text(b, priorities[i], "0");
	vici_section_end(b);
}

static void command_stats(struct vici_session *s, const struct tree_node *request)
{
	struct ike_stats stats;
	struct vici_buffer b;

	(void)request;
	ike_stats(s->vici->host.engine, &stats);
	vici_reply_begin(&b);
	write_uptime(s->vici, &b);
	vici_section(&b, "workers");
	vici_text(&b, "total", "1");
	vici_text(&b, "idle", "0");
	write_priorities(&b, "active");
	vici_section_end(&b);
	write_priorities(&b, "queues");
	vici_text(&b, "scheduled", "0");
	vici_section(&b, "ikesas");
	vici_printf(&b, "total", "%u", stats.ike_sas);
	vici_printf(&b, "half-open", "%u", stats.half_open);
	vici_section_end(&b);
	vici_list(&b, "plugins");
	vici_list_end(&b);
	vici_reply(s, &b);
}

/* Counters, by strongSwan's names, of all connections together. */

static const char *const counter_names[COUNTERS] = {
	[COUNTER_IKE_REKEY] = "ike-rekey-init",
	[COUNTER_CHILD_REKEY] = "child-rekey",
	[COUNTER_INVALID] = "invalid",
	"ike-init-in-req",
	"ike-init-in-resp",
	"ike-init-out-req",
	"ike-init-out-resp",
	"ike-auth-in-req",
	"ike-auth-in-resp",
	"ike-auth-out-req",
	"ike-auth-out-resp",
	"create-child-in-req",
	"create-child-in-resp",
	"create-child-out-req",
	"create-child-out-resp",
	"info-in-req",
	"info-in-resp",
	"info-out-req",
	"info-out-resp",
};

static void count_message(struct vici *v, const struct ike_event *event)
{
	static const char *const exchanges[] = { "IKE_SA_INIT ", "IKE_AUTH ", "CREATE_CHILD_SA ",
		"INFORMATIONAL " };

	for (size_t i = 0; i < sizeof(exchanges) / sizeof(exchanges[0]); i++) {
		size_t size = strlen(exchanges[i]);
		size_t out = event->kind == IKE_EVENT_SENT ? 2 : 0, response;

		if (strncmp(event->text, exchanges[i], size) != 0)
			continue;
		response = strncmp(event->text + size, "response", 8) == 0 ? 1 : 0;
		v->counters[COUNTER_MESSAGES + 4 * i + out + response]++;
	}
}

void vici_count(struct vici *v, const struct ike_event *event)
{
	switch (event->kind) {
	case IKE_EVENT_SENT:
	case IKE_EVENT_RECEIVED:
		if (event->text)
			count_message(v, event);
		break;
	case IKE_EVENT_DROPPED:
		v->counters[COUNTER_INVALID]++;
		break;
	case IKE_EVENT_IKE_REKEYED:
		v->counters[COUNTER_IKE_REKEY]++;
		break;
	case IKE_EVENT_CHILD_REKEYED:
		v->counters[COUNTER_CHILD_REKEY]++;
		break;
	default:
		break;
	}
}

/* Sections of counters: "" are strongSwan's, others ours. */
struct counter_writer {
	struct vici_buffer b;
	const char *wanted; /* NULL: every section */
	char open[32];      /* the section that is begun; "": none */
	bool any;
};

static void section_begin(struct counter_writer *w, const char *section)
{
	if (w->open[0])
		vici_section_end(&w->b);
	snprintf(w->open, sizeof(w->open), "%s", section);
	if (section[0])
		vici_section(&w->b, section);
}

static void write_counter(void *to, const char *section, const char *name, uint64_t value)
{
	struct counter_writer *w = to;

	if (w->wanted && strcmp(w->wanted, section) != 0)
		return;
	if (strcmp(w->open, section) != 0)
		section_begin(w, section);
	w->any = true;
	vici_printf(&w->b, name, "%" PRIu64, value);
}

static void write_messages(struct counter_writer *w, const struct vici *v)
{
	vici_section(&w->b, "");
	for (size_t i = 0; i < COUNTERS; i++)
		vici_printf(&w->b, counter_names[i], "%" PRIu64, v->counters[i]);
	vici_section_end(&w->b);
}

static void command_get_counters(struct vici_session *s, const struct tree_node *request)
{
	struct counter_writer w = { .wanted = tree_text(request, "name") };

	vici_reply_begin(&w.b);
	vici_section(&w.b, "counters");
	if (!w.wanted)
		write_messages(&w, s->vici);
	s->vici->host.counters(s->vici->host.context, write_counter, &w);
	write_counter(&w, "vici", "events-dropped", s->vici->events_dropped);
	section_begin(&w, "");
	if (w.wanted && !w.any) {
		vici_free(&w.b);
		vici_reply_fail(s,
			"no counters for '%s': they are kept for all connections together",
			w.wanted);
		return;
	}
	vici_section_end(&w.b);
	vici_bool(&w.b, "success", true);
	vici_reply(s, &w.b);
}

static void command_reset_counters(struct vici_session *s, const struct tree_node *request)
{
	if (tree_text(request, "name")) {
		vici_reply_fail(s, "counters are kept, and reset, for all connections together");
		return;
	}
	memset(s->vici->counters, 0, sizeof(s->vici->counters));
	s->vici->events_dropped = 0;
	s->vici->host.counters_reset(s->vici->host.context);
	vici_reply_ok(s);
}

/* get-algorithms. */

static void algorithm(struct vici_buffer *b, uint8_t type, uint16_t id)
{
	char scratch[NAME_TEXT_MAX];

	vici_text(b, transform_name(type, id, scratch), "openssl");
}

static void write_ciphers(struct vici_buffer *b, const char *kind, bool aead)
{
	vici_section(b, kind);
	for (uint16_t encr = 1; encr < 64; encr++) {
		struct seal_suite suite = { .encr = encr,
			.integ = encr_is_aead(encr) ? INTEG_NONE : INTEG_HMAC_SHA2_256_128 };

		if (encr_is_aead(encr) != aead)
			continue;
		suite.key_bits = encr_takes_key_bits(encr, 128) ? 128 : 0;
		if (suite_known(&suite))
			algorithm(b, TRANSFORM_ENCR, encr);
	}
	vici_section_end(b);
}

static void write_integrity(struct vici_buffer *b)
{
	vici_section(b, "integrity");
	for (uint16_t integ = 1; integ < 32; integ++) {
		const struct seal_suite suite = { ENCR_AES_CBC, 128, integ };

		if (suite_known(&suite))
			algorithm(b, TRANSFORM_INTEG, integ);
	}
	vici_section_end(b);
}

static void command_get_algorithms(struct vici_session *s, const struct tree_node *request)
{
	struct vici_buffer b;

	(void)request;
	vici_reply_begin(&b);
	write_ciphers(&b, "encryption", false);
	write_integrity(&b);
	write_ciphers(&b, "aead", true);
	vici_section(&b, "prf");
	for (uint16_t id = 1; id < 32; id++) {
		if (prf_known(id))
			algorithm(&b, TRANSFORM_PRF, id);
	}
	vici_section_end(&b);
	vici_section(&b, "dh");
	for (uint16_t group = 1; group < 64; group++) {
		if (ke_known(group))
			algorithm(&b, TRANSFORM_KE, group);
	}
	vici_section_end(&b);
	vici_reply(s, &b);
}

/* The log's last lines: memory of fixed size, for `tern log`. */

void vici_remember(struct vici *v, const struct vici_log_line *line)
{
	char **slot = &v->lines[v->line_count % VICI_LOG_LINES], when[32], *text;
	time_t now = time(NULL);
	struct tm tm;

	if (line->level > 1)
		return; /* detail would push out what matters */
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%H:%M:%S", &tm);
	if (asprintf(&text, "%s [%s] %s%s%s", when, line->group,
		    line->ike_name ? line->ike_name : "",
		    line->ike_name && *line->ike_name ? ": " : "", line->text) < 0)
		return;
	free(*slot);
	*slot = text;
	v->line_count++;
}

static void command_recent_log(struct vici_session *s, const struct tree_node *request)
{
	struct vici *v = s->vici;
	size_t first = v->line_count > VICI_LOG_LINES ? v->line_count - VICI_LOG_LINES : 0;
	struct vici_buffer b;

	(void)request;
	vici_reply_begin(&b);
	vici_list(&b, "lines");
	for (size_t i = first; i < v->line_count; i++)
		vici_item_text(&b, v->lines[i % VICI_LOG_LINES]);
	vici_list_end(&b);
	vici_reply(s, &b);
}

/* Reloading. */

static void command_reload_settings(struct vici_session *s, const struct tree_node *request)
{
	(void)request;
	if (s->vici->host.reload_settings(s->vici->host.context) == 0)
		vici_reply_ok(s);
	else
		vici_reply_fail(s, "the settings have errors: see the log");
}

static void command_reload(struct vici_session *s, const struct tree_node *request)
{
	(void)request;
	if (s->vici->host.reload(s->vici->host.context) == 0)
		vici_reply_ok(s);
	else
		vici_reply_fail(
			s, "the configuration has errors; what is good was loaded: see the log");
}

const struct vici_command vici_commands_status[] = {
	{ "version", command_version },
	{ "stats", command_stats },
	{ "get-counters", command_get_counters },
	{ "reset-counters", command_reset_counters },
	{ "get-algorithms", command_get_algorithms },
	{ "recent-log", command_recent_log },
	{ "reload-settings", command_reload_settings },
	{ "reload", command_reload },
	{ NULL, NULL },
};
