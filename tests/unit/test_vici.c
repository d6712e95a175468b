/* VICI: what is written reads back, what is cut is refused, and a session answers like strongSwan's. */
#include "vici/codec.h"
#include "vici/server.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A daemon without a network, and a client that keeps what it gets. */
#define RECORDS_MAX 32

struct fake {
	struct crypto *crypto;
	struct vici_host host;
	struct vici *vici;
	struct vici_session *session;
	struct vici_buffer got[RECORDS_MAX];
	size_t count;
	ike_time now;
	struct ike_command last;
	unsigned commands, laters, counted;
	bool silent; /* commands aren't done at once */
};

static void zero_random(void *context, uint8_t *out, size_t size)
{
	(void)context;
	memset(out, 1, size);
}

static ike_time fake_now(void *context)
{
	return ((struct fake *)context)->now;
}

static void fake_done(struct fake *f, bool ok, const char *text)
{
	const struct ike_event done = { .kind = IKE_EVENT_DONE,
		.command = f->last.id,
		.ok = ok,
		.text = text,
		.ike_name = "",
		.child_name = "" };

	vici_event(f->vici, &done, "CFG", text);
}

static void fake_command(void *context, const struct ike_command *command)
{
	struct fake *f = context;

	f->last = *command;
	f->last.ike = f->last.child = NULL;
	f->commands++;
	if (command->kind == IKE_COMMAND_LOAD || command->kind == IKE_COMMAND_UNLOAD ||
		command->kind == IKE_COMMAND_LOAD_POOL ||
		command->kind == IKE_COMMAND_UNLOAD_POOL) {
		struct ike_output output;

		ike_command(f->host.engine, f->now, command);
		while (ike_next_output(f->host.engine, &output))
			if (output.kind == IKE_TELL)
				vici_event(f->vici, &output.tell, "CFG", output.tell.text);
	} else if (!f->silent) {
		fake_done(f, false, "nobody is there");
	}
}

static void fake_nothing(void *context)
{
	(void)context;
}

static void fake_later(void *context)
{
	((struct fake *)context)->laters++;
}

static int fake_reload(void *context)
{
	(void)context;
	return 0;
}

static int fake_stats(void *context, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	(void)context;
	(void)child_id;
	(void)ret_stats;
	return -ENOENT;
}

/* Two sections; a reset counts on from where they are. */
static void fake_counters(void *context, vici_counter_fn *each, void *to)
{
	const struct fake *f = context;

	each(to, "data-plane", "replay", 7 - f->counted);
	each(to, "data-plane", "integrity", 0);
	each(to, "device", "queue-full", 7 - f->counted);
}

static void fake_counters_reset(void *context)
{
	((struct fake *)context)->counted = 7;
}

static bool fake_deliver(void *context, struct vici_buffer *record, bool event)
{
	struct fake *f = context;

	(void)event;
	assert_true(f->count < RECORDS_MAX);
	f->got[f->count++] = *record;
	*record = (struct vici_buffer){ 0 };
	return true;
}

static int setup(void **state)
{
	struct fake *f = calloc(1, sizeof(*f));
	struct ike_options options;

	f->crypto = crypto_new(NULL);
	ike_options_default(&options);
	options.random.fill = zero_random;
	options.crypto = f->crypto;
	f->now = 1000;
	f->host = (struct vici_host){
		.engine = ike_engine_new(&options),
		.keys = keys_new(),
		.crypto = f->crypto,
		.first_id = 1,
		.context = f,
		.now = fake_now,
		.command = fake_command,
		.credentials_changed = fake_nothing,
		.reload = fake_reload,
		.reload_settings = fake_reload,
		.child_stats = fake_stats,
		.counters = fake_counters,
		.counters_reset = fake_counters_reset,
		.later_context = f,
		.later = fake_later,
	};
	f->vici = vici_new(&f->host);
	f->session = vici_session_new(f->vici, fake_deliver, f);
	*state = f;
	return 0;
}

static void forget(struct fake *f)
{
	while (f->count)
		vici_free(&f->got[--f->count]);
}

static int teardown(void **state)
{
	struct fake *f = *state;

	forget(f);
	vici_session_free(f->session);
	vici_close(f->vici);
	ike_engine_free(f->host.engine);
	keys_free(f->host.keys);
	crypto_free(f->crypto);
	free(f);
	return 0;
}

static int give(struct fake *f, struct vici_buffer *b)
{
	int r;

	assert_true(vici_finish(b));
	r = vici_session_receive(f->session, BYTES(b->data, b->size));
	vici_free(b);
	return r;
}

static void ask(struct fake *f, const char *command)
{
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, command);
	assert_int_equal(give(f, &b), 0);
}

static void listen_to(struct fake *f, const char *event)
{
	struct vici_buffer b;

	vici_begin(&b, VICI_EVENT_REGISTER, event);
	assert_int_equal(give(f, &b), 0);
}

static struct vici_packet packet_at(struct fake *f, size_t i)
{
	struct vici_packet p;

	assert_true(i < f->count);
	assert_int_equal(vici_packet_decode(BYTES(f->got[i].data + 4, f->got[i].size - 4), &p), 0);
	return p;
}

/* Whether record i has this text under a path. */
static void assert_says(struct fake *f, size_t i, const char *path, const char *text)
{
	struct vici_packet p = packet_at(f, i);
	const struct tree_node *node;
	struct tree *tree;

	assert_int_equal(vici_message_decode(p.message, &tree), 0);
	node = tree_find(&tree->root, path);
	assert_non_null(node);
	assert_string_equal((const char *)node->value.data, text);
	tree_free(tree);
}

/* The codec. */

static void write_sample(struct vici_buffer *b)
{
	vici_begin(b, VICI_CMD_REQUEST, "sample");
	vici_text(b, "key", "value");
	vici_printf(b, "number", "%u", 42u);
	vici_section(b, "outer");
	vici_section(b, "inner");
	vici_bytes(b, "raw", BYTES("\0\1\2", 3));
	vici_list(b, "items");
	vici_item_text(b, "one");
	vici_item_text(b, "two");
	vici_list_end(b);
	vici_section_end(b);
	vici_section_end(b);
	assert_true(vici_finish(b));
}

static void what_is_written_reads_back(void **state)
{
	const struct tree_node *inner;
	struct vici_buffer b;
	struct vici_packet p;
	struct tree *tree;

	(void)state;
	write_sample(&b);
	assert_int_equal(vici_packet_decode(BYTES(b.data + 4, b.size - 4), &p), 0);
	assert_string_equal(p.name, "sample");
	assert_int_equal(vici_message_decode(p.message, &tree), 0);
	assert_string_equal(tree_text(&tree->root, "key"), "value");
	assert_string_equal(tree_text(&tree->root, "number"), "42");
	inner = tree_find(&tree->root, "outer.inner");
	assert_true(bytes_equal(tree_child(inner, "raw")->value, BYTES("\0\1\2", 3)));
	assert_string_equal(
		(const char *)tree_child(inner, "items")->first->next->value.data, "two");
	tree_free(tree);
	vici_free(&b);
}

/* Cut anywhere within the section it is refused; cut between elements of the root it is a shorter message. */
static void a_message_cut_short_is_refused(void **state)
{
	struct vici_buffer b;
	struct vici_packet p;
	struct tree *tree;
	const size_t first = 1 + 1 + 3 + 2 + 5, second = first + 1 + 1 + 6 + 2 + 2;

	(void)state;
	write_sample(&b);
	assert_int_equal(vici_packet_decode(BYTES(b.data + 4, b.size - 4), &p), 0);
	for (size_t size = 0; size < p.message.size; size++) {
		uint8_t *copy = malloc(size ? size : 1);
		int r;

		memcpy(copy, p.message.data, size);
		r = vici_message_decode(BYTES(copy, size), &tree);
		if (size == 0 || size == first || size == second) {
			assert_int_equal(r, 0);
			tree_free(tree);
		} else {
			assert_int_equal(r, -EBADMSG);
		}
		free(copy);
	}
	vici_free(&b);
}

static void refuse_message(const char *message, size_t size)
{
	struct tree *tree;

	assert_int_equal(vici_message_decode(BYTES(message, size), &tree), -EBADMSG);
}

#define REFUSE(literal) refuse_message((literal), sizeof(literal) - 1)

static void malformed_messages_are_refused(void **state)
{
	(void)state;
	REFUSE("\0");
	REFUSE("\7");
	REFUSE("\2");                /* an end without its start */
	REFUSE("\6");                /* likewise */
	REFUSE("\5\0\1x");           /* an item outside of a list */
	REFUSE("\4\1l\4\1m\6\6");    /* a list within a list */
	REFUSE("\4\1l\1\1s\2\6");    /* a section within a list */
	REFUSE("\4\1l\3\1k\0\1v\6"); /* a key within a list */
	REFUSE("\1\1s\4\1l\2");      /* a section that ends before its list */
	REFUSE("\3\0\0\1v");         /* a key without a name */
	REFUSE("\3\2a\0\0\1v");      /* a name with a NUL */
	REFUSE("\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s\1\1s"
	       "\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2\2"); /* too deep */
}

static void the_encoder_refuses_what_cannot_be_said(void **state)
{
	char name[300];
	struct vici_buffer b;

	(void)state;
	memset(name, 'n', sizeof(name));
	name[299] = 0;
	vici_begin(&b, VICI_CMD_RESPONSE, NULL);
	vici_text(&b, name, "x");
	assert_false(vici_finish(&b));
	vici_free(&b);
	vici_begin(&b, VICI_CMD_RESPONSE, NULL);
	vici_section(&b, "open");
	assert_false(vici_finish(&b));
	vici_free(&b);
	vici_begin(&b, VICI_CMD_RESPONSE, NULL);
	vici_section_end(&b);
	assert_false(vici_finish(&b));
	vici_free(&b);
}

/* Sessions. */

static void requests_come_octet_by_octet(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "version");
	assert_true(vici_finish(&b));
	for (size_t i = 0; i < b.size; i++) {
		assert_int_equal(f->count, 0);
		assert_int_equal(vici_session_receive(f->session, BYTES(b.data + i, 1)), 0);
	}
	vici_free(&b);
	assert_int_equal(f->count, 1);
	assert_says(f, 0, "daemon", "ternd");
}

static void unknown_names_get_their_own_answers(void **state)
{
	struct fake *f = *state;

	ask(f, "make-coffee");
	listen_to(f, "sunrise");
	listen_to(f, "log");
	assert_int_equal(packet_at(f, 0).type, VICI_CMD_UNKNOWN);
	assert_int_equal(packet_at(f, 1).type, VICI_EVENT_UNKNOWN);
	assert_int_equal(packet_at(f, 2).type, VICI_EVENT_CONFIRM);
}

static void a_record_that_promises_too_much_ends_the_session(void **state)
{
	struct fake *f = *state;

	assert_int_equal(vici_session_receive(f->session, BYTES("\0\x08\0\1", 4)), -EMSGSIZE);
	assert_true(vici_session_receive(f->session, BYTES("x", 1)) < 0);
}

static void load_conn(struct fake *f, const char *key, const char *value)
{
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "load-conn");
	vici_section(&b, "moon");
	vici_list(&b, "remote_addrs");
	vici_item_text(&b, "192.0.2.1");
	vici_list_end(&b);
	vici_section(&b, "local");
	vici_text(&b, "auth", "psk");
	vici_section_end(&b);
	vici_section(&b, "remote");
	vici_text(&b, "auth", "psk");
	vici_section_end(&b);
	vici_section(&b, "children");
	vici_section(&b, "net");
	vici_text(&b, key, value);
	vici_section_end(&b);
	vici_section_end(&b);
	vici_section_end(&b);
	assert_int_equal(give(f, &b), 0);
}

static unsigned sas(const struct fake *f)
{
	struct ike_stats stats;

	ike_stats(f->host.engine, &stats);
	return stats.ike_sas;
}

static void a_connection_is_loaded_listed_and_unloaded(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	load_conn(f, "start_action", "start");
	assert_says(f, 0, "success", "yes");
	assert_int_equal(sas(f), 1);
	load_conn(f, "start_action", "start"); /* as it was: nothing starts again */
	assert_says(f, 1, "success", "yes");
	assert_int_equal(sas(f), 1);
	forget(f);

	listen_to(f, "list-conn");
	ask(f, "list-conns");
	assert_int_equal(f->count, 3);
	assert_int_equal(packet_at(f, 1).type, VICI_EVENT);
	assert_says(f, 1, "moon.children.net.mode", "TUNNEL");
	assert_int_equal(packet_at(f, 2).message.size, 0);
	forget(f);

	vici_begin(&b, VICI_CMD_REQUEST, "unload-conn");
	vici_text(&b, "name", "moon");
	assert_int_equal(give(f, &b), 0);
	assert_says(f, 0, "success", "yes");
}

static void a_bad_connection_says_what_is_wrong(void **state)
{
	struct fake *f = *state;

	load_conn(f, "esp_proposals", "aes7");
	assert_says(f, 0, "success", "no");
	assert_int_equal(f->commands, 0);
}

static void initiate_streams_its_log_and_then_answers(void **state)
{
	struct fake *f = *state;
	struct ike_event sent = {
		.kind = IKE_EVENT_SENT, .level = 1, .text = "IKE_SA_INIT request 0"
	};
	struct vici_buffer b;

	f->silent = true;
	listen_to(f, "control-log");
	vici_begin(&b, VICI_CMD_REQUEST, "initiate");
	vici_text(&b, "child", "net");
	assert_int_equal(give(f, &b), 0);
	ask(f, "version"); /* waits behind it */
	assert_int_equal(f->count, 1);

	sent.command = f->last.id;
	vici_event(f->vici, &sent, "ENC", "sent IKE_SA_INIT");
	assert_says(f, 1, "msg", "sent IKE_SA_INIT");
	fake_done(f, false, "no answer from 192.0.2.1");
	assert_says(f, 2, "success", "no");
	assert_says(f, 2, "errmsg", "no answer from 192.0.2.1");
	assert_int_equal(f->count, 3);
	assert_int_equal(f->laters, 1);
	vici_run(f->vici);
	assert_says(f, 3, "daemon", "ternd");
}

static void initiate_ends_at_its_timeout(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	f->silent = true;
	vici_begin(&b, VICI_CMD_REQUEST, "initiate");
	vici_text(&b, "child", "net");
	vici_text(&b, "timeout", "50");
	assert_int_equal(give(f, &b), 0);
	assert_int_equal(vici_deadline(f->vici), f->now + 50000000);
	f->now += 50000000;
	vici_run(f->vici);
	assert_says(f, 0, "success", "no");
	fake_done(f, true, ""); /* nobody waits any more */
	assert_int_equal(f->count, 1);
}

static void with_a_negative_timeout_nobody_waits(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "terminate");
	vici_text(&b, "ike", "moon");
	vici_text(&b, "timeout", "-1");
	assert_int_equal(give(f, &b), 0);
	assert_int_equal(f->count, 1);
	assert_says(f, 0, "success", "yes");
}

static void a_command_done_at_once_is_answered_once(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "terminate");
	vici_text(&b, "ike", "moon");
	assert_int_equal(give(f, &b), 0);
	assert_int_equal(f->count, 1);
	assert_says(f, 0, "terminated", "0");
	assert_says(f, 0, "errmsg", "nobody is there");
}

static void the_log_keeps_its_last_lines(void **state)
{
	struct fake *f = *state;
	struct vici_packet p;
	struct tree *tree;
	size_t count = 0;
	char text[32];

	for (unsigned i = 0; i < 250; i++) {
		const struct vici_log_line line = { .group = "IKE", .ike_name = "", .text = text };

		snprintf(text, sizeof(text), "line %u", i);
		vici_log(f->vici, &line);
	}
	ask(f, "recent-log");
	p = packet_at(f, 0);
	assert_int_equal(vici_message_decode(p.message, &tree), 0);
	for (const struct tree_node *n = tree_child(&tree->root, "lines")->first; n; n = n->next)
		count++;
	assert_int_equal(count, 200);
	assert_non_null(strstr(
		(const char *)tree_child(&tree->root, "lines")->first->value.data, "line 50"));
	tree_free(tree);
}

static void an_ike_sa_that_moves_is_told_as_ike_update(void **state)
{
	const struct ike_event moved = { .kind = IKE_EVENT_IKE_UPDATED,
		.ike_name = "moon",
		.ike_id = 7,
		.text = "now between" };
	struct fake *f = *state;

	listen_to(f, "ike-update");
	vici_event(f->vici, &moved, "IKE", "hm");
	assert_int_equal(f->count, 2);
	assert_says(f, 1, "moon.uniqueid", "7");
}

/* The daemon's log writes a line for each event and hands it over: it must not arrive twice. */
static void a_line_of_the_log_arrives_once(void **state)
{
	const struct ike_event note = {
		.kind = IKE_EVENT_NOTE, .level = 1, .ike_name = "moon", .ike_id = 7, .text = "hm"
	};
	const struct vici_log_line line = {
		.group = "IKE", .ike_name = "moon", .ike_id = 7, .level = 1, .text = "hm"
	};
	struct fake *f = *state;

	listen_to(f, "log");
	vici_event(f->vici, &note, "IKE", "hm");
	assert_int_equal(f->count, 1);
	vici_log(f->vici, &line);
	assert_int_equal(f->count, 2);
	assert_says(f, 1, "msg", "hm");
	assert_says(f, 1, "ikesa-uniqueid", "7");
	assert_says(f, 1, "ikesa-name", "moon");
}

static void every_plain_command_answers(void **state)
{
	static const char *const commands[] = { "version", "stats", "reload-settings", "list-sas",
		"list-conns", "list-certs", "list-policies", "list-authorities", "get-conns",
		"get-keys", "get-shared", "get-pools", "get-authorities", "get-algorithms",
		"get-counters", "reset-counters", "clear-creds", "flush-certs", "load-pool",
		"unload-pool", "load-conn", "unload-conn", "load-cert", "load-key", "unload-key",
		"load-shared", "unload-shared", "load-authority", "unload-authority", "initiate",
		"terminate", "rekey", "install", "uninstall", "redirect", "load-token", "reload",
		"recent-log" };
	struct fake *f = *state;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		ask(f, commands[i]);
		assert_int_equal(f->count, 1);
		assert_int_equal(packet_at(f, 0).type, VICI_CMD_RESPONSE);
		forget(f);
	}
}

static void assert_silent(struct fake *f, size_t i, const char *path)
{
	struct tree *tree;

	assert_int_equal(vici_message_decode(packet_at(f, i).message, &tree), 0);
	assert_null(tree_find(&tree->root, path));
	tree_free(tree);
}

static void ask_for(struct fake *f, const char *command, const char *name)
{
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, command);
	vici_text(&b, "name", name);
	assert_int_equal(give(f, &b), 0);
}

static void counters_come_in_sections_and_begin_anew(void **state)
{
	struct fake *f = *state;

	ask(f, "get-counters");
	assert_says(f, 0, "success", "yes");
	assert_says(f, 0, "counters.data-plane.replay", "7");
	assert_says(f, 0, "counters.data-plane.integrity", "0");
	assert_says(f, 0, "counters.device.queue-full", "7");
	assert_says(f, 0, "counters.vici.events-dropped", "0");
	ask(f, "reset-counters");
	assert_says(f, 1, "success", "yes");
	ask_for(f, "get-counters", "device");
	assert_says(f, 2, "counters.device.queue-full", "0");
	assert_silent(f, 2, "counters.data-plane");
	assert_silent(f, 2, "counters.vici");
	ask_for(f, "get-counters", "moon");
	assert_says(f, 3, "success", "no");
	ask_for(f, "reset-counters", "moon");
	assert_says(f, 4, "success", "no");
}

static void a_secret_is_loaded_listed_and_unloaded(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "load-shared");
	vici_text(&b, "id", "ike-moon");
	vici_text(&b, "type", "IKE");
	vici_bytes(&b, "data", BYTES("s3cret", 6));
	vici_list(&b, "owners");
	vici_item_text(&b, "moon.example");
	vici_list_end(&b);
	assert_int_equal(give(f, &b), 0);
	assert_says(f, 0, "success", "yes");
	vici_begin(&b, VICI_CMD_REQUEST, "unload-shared");
	vici_text(&b, "id", "ike-moon");
	assert_int_equal(give(f, &b), 0);
	assert_says(f, 1, "success", "yes");
}

static void load_pool(struct fake *f, const char *name, const char *addrs)
{
	struct vici_buffer b;

	vici_begin(&b, VICI_CMD_REQUEST, "load-pool");
	vici_section(&b, name);
	vici_text(&b, "addrs", addrs);
	vici_list(&b, "dns");
	vici_item_text(&b, "10.2.0.53");
	vici_list_end(&b);
	vici_section_end(&b);
	assert_int_equal(give(f, &b), 0);
}

static void a_pool_is_loaded_listed_and_unloaded(void **state)
{
	struct fake *f = *state;
	struct vici_buffer b;

	load_pool(f, "rw", "10.3.0.0/24");
	assert_says(f, 0, "success", "yes");
	load_pool(f, "rw", "10.3.0.0/24"); /* again */
	assert_says(f, 1, "success", "yes");
	load_pool(f, "other", "10.3.0.128/25");
	assert_says(f, 2, "success", "no");
	assert_says(f, 2, "errmsg",
		"pool other (10.3.0.128/25, vici:0) overlaps pool rw (10.3.0.0/24, vici:0): make them disjoint");
	ask(f, "get-pools");
	assert_says(f, 3, "rw.base", "10.3.0.1");
	assert_says(f, 3, "rw.size", "254");
	assert_says(f, 3, "rw.online", "0");
	vici_begin(&b, VICI_CMD_REQUEST, "unload-pool");
	vici_text(&b, "name", "rw");
	assert_int_equal(give(f, &b), 0);
	assert_says(f, 4, "success", "yes");
	vici_begin(&b, VICI_CMD_REQUEST, "unload-pool");
	vici_text(&b, "name", "rw");
	assert_int_equal(give(f, &b), 0);
	assert_says(f, 5, "errmsg", "no pool 'rw' is loaded");
}

#define WITH_FAKE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(a_message_cut_short_is_refused),
		cmocka_unit_test(malformed_messages_are_refused),
		cmocka_unit_test(the_encoder_refuses_what_cannot_be_said),
		WITH_FAKE(requests_come_octet_by_octet),
		WITH_FAKE(unknown_names_get_their_own_answers),
		WITH_FAKE(a_record_that_promises_too_much_ends_the_session),
		WITH_FAKE(a_connection_is_loaded_listed_and_unloaded),
		WITH_FAKE(a_pool_is_loaded_listed_and_unloaded),
		WITH_FAKE(a_bad_connection_says_what_is_wrong),
		WITH_FAKE(initiate_streams_its_log_and_then_answers),
		WITH_FAKE(initiate_ends_at_its_timeout),
		WITH_FAKE(with_a_negative_timeout_nobody_waits),
		WITH_FAKE(a_command_done_at_once_is_answered_once),
		WITH_FAKE(the_log_keeps_its_last_lines),
		WITH_FAKE(an_ike_sa_that_moves_is_told_as_ike_update),
		WITH_FAKE(a_line_of_the_log_arrives_once),
		WITH_FAKE(every_plain_command_answers),
		WITH_FAKE(counters_come_in_sections_and_begin_anew),
		WITH_FAKE(a_secret_is_loaded_listed_and_unloaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
