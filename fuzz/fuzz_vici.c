/* Bytes into a VICI session of a daemon without a network, in pieces of a size that the first octet chooses. What comes
 * back must be well formed. */
#include "vici/codec.h"
#include "vici/server.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void constant_random(void *context, uint8_t *out, size_t size)
{
	(void)context;
	memset(out, 0x5a, size);
}

static ike_time now_of(void *context)
{
	(void)context;
	return 1;
}

static void run_command(void *context, const struct ike_command *command)
{
	struct vici **v = context;
	struct ike_event done = { .kind = IKE_EVENT_DONE, .command = command->id, .text = "no" };

	vici_event(*v, &done, "IKE", "no");
}

static void nothing(void *context)
{
	(void)context;
}

static int refuse(void *context)
{
	(void)context;
	return -1;
}

static int no_stats(void *context, uint32_t child_id, struct esp_child_stats *ret_stats)
{
	(void)context;
	(void)child_id;
	(void)ret_stats;
	return -1;
}

static void no_counters(void *context, vici_counter_fn *each, void *to)
{
	(void)context;
	each(to, "data-plane", "replay", 0);
}

static bool take(void *context, struct vici_buffer *record, bool event)
{
	struct vici_packet packet;
	struct tree *tree;

	(void)context;
	(void)event;
	assert(load_u32(record->data) == record->size - 4);
	assert(vici_packet_decode(BYTES(record->data + 4, record->size - 4), &packet) == 0);
	assert(vici_message_decode(packet.message, &tree) == 0);
	tree_free(tree);
	return true;
}

static void feed(struct vici_session *s, const uint8_t *data, size_t size)
{
	size_t piece = (size_t)data[0] + 1;

	for (size_t at = 1; at < size; at += piece) {
		size_t left = size - at;

		if (vici_session_receive(s, BYTES(data + at, left < piece ? left : piece)) != 0)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct crypto *crypto; /* a context for each input would be all that is measured */
	struct ike_options options;
	struct vici *v = NULL;
	struct vici_host host = {
		.context = &v,
		.now = now_of,
		.command = run_command,
		.credentials_changed = nothing,
		.reload = refuse,
		.reload_settings = refuse,
		.child_stats = no_stats,
		.counters = no_counters,
		.counters_reset = nothing,
		.later = nothing,
	};
	struct vici_session *s;

	if (!size)
		return 0;
	if (!crypto)
		crypto = crypto_new(NULL);
	ike_options_default(&options);
	options.random.fill = constant_random;
	options.crypto = crypto;
	host.crypto = crypto;
	host.keys = keys_new();
	host.engine = ike_engine_new(&options);
	v = vici_new(&host);
	s = vici_session_new(v, take, NULL);
	feed(s, data, size);
	vici_run(v);
	vici_session_free(s);
	vici_close(v);
	ike_engine_free(host.engine);
	keys_free(host.keys);
	return 0;
}
