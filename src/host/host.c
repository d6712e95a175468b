/* What goes into the engine and what comes out of it. An input may only be given when all outputs
 * were taken, so what outputs bring about at once (an SPI, a refusal, a command) waits in a queue
 * until they are. */
#include "host/host.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "conf/pool.h"
#include "host/control.h"

#define NAME_MAX_BYTES 256

enum input_kind { INPUT_ANSWER, INPUT_KERNEL, INPUT_COMMAND };

struct host_input {
	enum input_kind kind;
	struct ike_answer answer;
	struct ike_kernel_event event;
	struct ike_command command;
	char reason[IKE_REASON_TEXT_MAX];
	char ike[NAME_MAX_BYTES], child[NAME_MAX_BYTES];
	struct host_input *next;
};

ike_time host_now(const struct host *h)
{
	(void)h;
	return uv_hrtime();
}

/* The engine's nonces, cookies and SPIs, from the kernel. */
static void random_fill_kernel(void *context, uint8_t *out, size_t size)
{
	(void)context;
	while (size) {
		ssize_t got = getrandom(out, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			abort(); /* nothing that we make without randomness would be safe */
		out += got;
		size -= (size_t)got;
	}
}

const struct random_source host_random = { .fill = random_fill_kernel };

/* Inputs. */

static void input_feed(struct host *h, const struct host_input *i)
{
	switch (i->kind) {
	case INPUT_ANSWER:
		ike_answer(h->engine, host_now(h), &i->answer);
		break;
	case INPUT_KERNEL:
		ike_kernel(h->engine, host_now(h), &i->event);
		break;
	case INPUT_COMMAND:
		ike_command(h->engine, host_now(h), &i->command);
		break;
	}
}

static struct host_input *input_append(struct host *h, enum input_kind kind)
{
	struct host_input *i = calloc(1, sizeof(*i));

	if (!i)
		abort(); /* a lost input would leave an exchange waiting for ever */
	i->kind = kind;
	*h->inputs_end = i;
	h->inputs_end = &i->next;
	return i;
}

static struct host_input *input_take(struct host *h)
{
	struct host_input *i = h->inputs;

	if (i) {
		h->inputs = i->next;
		if (!h->inputs)
			h->inputs_end = &h->inputs;
	}
	return i;
}

static const char *keep_text(char out[static NAME_MAX_BYTES], const char *text)
{
	return text ? strncpy(out, text, NAME_MAX_BYTES - 1) : NULL;
}

void host_command(struct host *h, const struct ike_command *command)
{
	struct host_input *i;

	if (!h->draining) {
		ike_command(h->engine, host_now(h), command);
		host_drain(h);
		return;
	}
	i = input_append(h, INPUT_COMMAND);
	i->command = *command;
	i->command.ike = keep_text(i->ike, command->ike);
	i->command.child = keep_text(i->child, command->child);
	if (command->connection)
		connection_hold(command->connection);
	if (command->pool)
		pool_config_hold(command->pool);
}

void host_kernel(struct host *h, const struct ike_kernel_event *event)
{
	struct host_input *i;

	if (!h->draining) {
		ike_kernel(h->engine, host_now(h), event);
		host_drain(h);
		return;
	}
	i = input_append(h, INPUT_KERNEL);
	i->event = *event;
	if (event->reason)
		i->event.reason = strncpy(i->reason, event->reason, sizeof(i->reason) - 1);
}

void host_answer(void *host, const struct ike_answer *answer)
{
	struct host *h = host;

	if (!h->draining) {
		ike_answer(h->engine, host_now(h), answer);
		host_drain(h);
		return;
	}
	/* What the pool computed comes from the loop, with nothing to be drained: these have no
	 * buffers. */
	assert(!answer->private && !answer->public.size && !answer->secret.size &&
		!answer->auth.size);
	input_append(h, INPUT_ANSWER)->answer = *answer;
}

/* Outputs. */

static void carry_send(struct host *h, const struct ike_path *path, struct bytes datagram)
{
	int r = udp_send_ike(&h->udp, path, datagram);
	char text[ENDPOINT_TEXT_MAX];

	/* Retransmission makes up for it; the reason is worth knowing all the same. */
	if (r)
		log_text(&h->log, "NET", 1, "sending to %s: %s",
			endpoint_print(&path->remote, text), strerror(-r));
}

static void refuse(struct host *h, const struct child_spec *spec, const char *reason)
{
	const struct ike_kernel_event refused = { .kind = IKE_KERNEL_REFUSED,
		.child_id = spec->child_id,
		.reqid = spec->reqid,
		.reason = reason };

	host_kernel(h, &refused);
}

/* Who chooses packets by marks or by an interface of their own routes them there: with ours, those that
 * aren't meant would end in our device. So would encrypted ones with another mark than ours in place. */
static bool wants_routes(const struct ike_operation *o)
{
	const struct child_marks *m = &o->spec->marks;

	return (!o->config || o->config->install_policies) && !m->out.mask && !m->set_out.mask &&
		!m->if_id_out;
}

/* Routes come with the inbound SA or a trap and go with both SAs or the trap: in between, what finds
 * no outbound SA is kept or dropped, not sent in the clear. */
static void carry_operation(struct host *h, const struct ike_operation *o)
{
	char reason[IKE_REASON_TEXT_MAX] = "";

	if (h->data_plane->operate(h, host_now(h), o, reason, sizeof(reason)) != 0) {
		refuse(h, o->spec, reason);
		return;
	}
	if (o->kind == IKE_OPERATE_SHUNT && (!o->config || o->config->install_policies) &&
		routes_shunt(h->routes, o->spec, h->data_plane == &data_plane_user, reason,
			sizeof(reason)) != 0)
		refuse(h, o->spec, reason);
	if (o->spec->mode == CHILD_TRANSPORT && !h->data_plane->routes_transport)
		return;
	switch (o->kind) {
	case IKE_OPERATE_INSTALL_IN:
	case IKE_OPERATE_TRAP:
		if (!wants_routes(o))
			break;
		if (routes_add(h->routes, route_owner(o->spec), o->spec, reason, sizeof(reason)) !=
			0)
			refuse(h, o->spec, reason);
		break;
	case IKE_OPERATE_REMOVE:
	case IKE_OPERATE_UNTRAP:
	case IKE_OPERATE_UNSHUNT:
		routes_remove(h->routes, route_owner(o->spec));
		break;
	default:
		break;
	}
}

static void carry_address(struct host *h, const struct ike_operation *o)
{
	const struct ike_virtual *v = o->virtual;
	const struct resolver_given given = {
		.count = v->dns_count, .servers = v->dns, .search = v->domain, .only = v->split_dns
	};
	char problem[IKE_REASON_TEXT_MAX] = "";

	if (o->kind == IKE_OPERATE_ADDRESS_REMOVE) {
		if (v->local_lan)
			routes_include(h->routes, v->local_lan);
		resolver_remove(h->resolver, &given);
		virtual_remove(h->virtual, v);
		return;
	}
	if (virtual_add(h->virtual, v, problem, sizeof(problem)) != 0)
		log_text(&h->log, "NET", 0, "%s", problem);
	resolver_add(h->resolver, &given);
	if (v->local_lan && routes_exclude(h->routes, v->local_lan, problem, sizeof(problem)) != 0)
		log_text(&h->log, "NET", 0, "%s", problem);
}

static void answer_spi(struct host *h, const struct ike_question *question)
{
	struct ike_answer answer = { .id = question->id, .status = IKE_ANSWER_OK };
	int r = h->data_plane->choose_spi(h, host_now(h), &answer.spi);

	if (r) {
		answer.status = IKE_ANSWER_NO;
		snprintf(answer.reason, sizeof(answer.reason), "no SPI: %s", strerror(-r));
	}
	host_answer(h, &answer);
}

static void answer_use(struct host *h, const struct ike_question *question)
{
	struct ike_answer answer = { .id = question->id, .status = IKE_ANSWER_OK };
	struct esp_child_stats stats;

	if (h->data_plane->child_stats(h, question->child_id, &stats) == 0) {
		answer.in_at = stats.in.last_used;
		answer.out_at = stats.out.last_used;
	}
	host_answer(h, &answer);
}

static void carry_question(struct host *h, const struct ike_question *question)
{
	switch (question->kind) {
	case IKE_ASK_SPI:
		answer_spi(h, question);
		break;
	case IKE_ASK_USE:
		answer_use(h, question);
		break;
	case IKE_ASK_PATH:
		path_ask(&h->paths, question);
		break;
	case IKE_ASK_KE_BEGIN:
	case IKE_ASK_KE_FINISH:
	case IKE_ASK_KE_RESPOND:
	case IKE_ASK_SKEYID:
	case IKE_ASK_SIGNER:
	case IKE_ASK_XAUTH_VERIFY:
	case IKE_ASK_XAUTH_CREDENTIALS:
	case IKE_ASK_AUTHENTICATE:
	case IKE_ASK_VERIFY:
		answers_ask(h->answers, question);
		break;
	}
}

static void carry_event(struct host *h, const struct ike_event *event)
{
	log_event(&h->log, event);
	control_event(h, event);
	if (event->kind == IKE_EVENT_DONE && h->shutdown_command &&
		event->command == h->shutdown_command)
		uv_stop(&h->loop);
}

static void carry_out(struct host *h, const struct ike_output *o)
{
	switch (o->kind) {
	case IKE_SEND:
		carry_send(h, &o->send.path, o->send.datagram);
		break;
	case IKE_OPERATE:
		if (o->operate.virtual)
			carry_address(h, &o->operate);
		else
			carry_operation(h, &o->operate);
		break;
	case IKE_ASK:
		carry_question(h, o->ask);
		break;
	case IKE_TELL:
		carry_event(h, &o->tell);
		break;
	}
}

void host_drain(struct host *h)
{
	struct ike_output output;
	struct host_input *input;

	assert(!h->draining);
	h->draining = true;
	do {
		while (ike_next_output(h->engine, &output))
			carry_out(h, &output);

		input = input_take(h);
		if (input) {
			input_feed(h, input);
			if (input->kind == INPUT_COMMAND && input->command.connection)
				connection_release(input->command.connection);
			if (input->kind == INPUT_COMMAND && input->command.pool)
				pool_config_release(input->command.pool);
			free(input);
		}
	} while (input);
	h->draining = false;
	plane_release(h->plane, host_now(h));
	loop_set_deadline(h);
}

/* What the daemon itself wants. */

void host_credentials_changed(struct host *h)
{
	size_t size = 0, names_size = 0;
	uint8_t *hashes = keys_certreqs(h->keys, &size),
		*names = keys_ca_names(h->keys, &names_size);

	ike_set_certreqs(h->engine, BYTES(hashes, size));
	ike_set_ca_names(h->engine, BYTES(names, names_size));
	free(hashes);
	free(names);
}

void host_end(struct host *h)
{
	struct ike_command shutdown = { .kind = IKE_COMMAND_SHUTDOWN, .id = CONTROL_ID_HOST };
	struct ike_stats stats;

	if (h->state == HOST_ENDING) {
		log_text(&h->log, "DMN", 0, "ending at once");
		uv_stop(&h->loop);
		return;
	}
	h->state = HOST_ENDING;
	h->shutdown_command = shutdown.id;
	ike_stats(h->engine, &stats);
	log_text(&h->log, "DMN", 0, "ending%s",
		stats.ike_sas ? ": deleting what is established" : "");
	host_command(h, &shutdown);
}
