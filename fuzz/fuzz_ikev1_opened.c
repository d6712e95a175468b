/* The opened message of IKEv1: mutated payloads that are correctly hashed and encrypted, into a phase 1
 * that stands, with or without XAUTH and mode config in either role, or into the time before those are
 * over: the first octet says (enum how). The peer's keys are the engine's own, taken from his SA. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/sa.h"
#include "ike/v1/ikev1.h"
#include "sim/world.h"

#define SEALED_BYTES_MAX 4096

enum how {
	HOW_ALICE = 1, /* initiates: what comes answers her */
	HOW_XAUTH = 2,
	HOW_POOLS = 4,
	HOW_EARLY = 8,   /* phase 1 is over, and no more */
	HOW_CLIENT = 16, /* she is asked for user and password, and for an address asks */
	HOW_PUSH = 32,
};

static const char *const configs[] = {
	"connections {\n net {\n version = 1\n local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n proposals = aes128-sha256-x25519\n"
	" local {\n auth = psk\n id = alice\n }\n remote {\n auth = psk\n id = bob\n }\n%s"
	" children {\n net {\n local_ts = 10.1.0.0/16\n remote_ts = %s\n esp_proposals = aes128gcm16, aes128-sha256-x25519\n }\n }\n }\n}\n"
	"pools {\n small {\n addrs = 10.3.0.0/28\n dns = 10.1.0.53\n split_include = 10.1.0.0/17\n banner = hello\n }\n }\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n xauth-1 {\n id = carol\n secret = jets\n }\n}\n",
	"connections {\n net {\n version = 1\n local_addrs = 192.0.2.2\n remote_addrs = 192.0.2.1\n proposals = aes128-sha256-x25519\n"
	" local {\n auth = psk\n id = bob\n }\n remote {\n auth = psk\n id = alice\n }\n%s"
	" children {\n net {\n local_ts = %s\n remote_ts = 10.1.0.0/16\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"pools {\n small {\n addrs = 10.3.0.0/28\n dns = 10.1.0.53\n split_include = 10.1.0.0/17\n }\n }\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n xauth-1 {\n id = carol\n secret = jets\n }\n}\n",
};

static struct host *make_host(struct world *w, int which, uint8_t how)
{
	static const char *const names[] = { "alice", "bob" };
	static const char *const addresses[] = { "192.0.2.1", "192.0.2.2" };
	bool client = (which == 0) == !!(how & HOW_CLIENT);
	struct ike_options o;
	char text[2048], more[400];

	ike_options_default(&o);
	o.cisco_unity = true;
	snprintf(more, sizeof(more), "%s%s%s",
		!(how & HOW_XAUTH) ? ""
			: client ? " local-2 {\n auth = xauth\n round = 1\n xauth_id = carol\n }\n"
				 : " remote-2 {\n auth = xauth\n round = 1\n }\n",
		!(how & HOW_POOLS) ? ""
			: client   ? " vips = 0.0.0.0\n"
				   : " pools = small\n",
		how & HOW_PUSH ? " pull = no\n" : "");
	snprintf(text, sizeof(text), configs[which], more,
		how & HOW_POOLS ? "dynamic" : "10.2.0.0/16");
	return world_host(w, names[which], addresses[which], text, &o);
}

/* An exchange that alice knows: its next message, with its IV and the HASH that it needs. A message ID
 * that she hasn't begins one. */
struct next {
	struct v1_iv iv;
	unsigned before; /* messages */
	struct bytes ni, nr;
};

static struct next next_of(struct ike_sa *to, uint32_t id)
{
	const struct v1_flight *f = v1_flight_find(to, id);
	struct next n = { .before = f ? f->progress.messages : 0 };

	if (f) {
		n.iv = f->progress.iv;
		n.ni = f->ni;
		n.nr = f->nr;
	} else if (v1_iv_phase2(&to->v1->keys, &to->v1->iv, id, &n.iv) < 0) {
		abort();
	}
	return n;
}

static int hash_of(const struct ike_sa *to, const struct next *n, const struct ike_header *h,
	struct bytes plain, uint8_t out[static V1_HASH_BYTES_MAX])
{
	const struct v1_keys *k = &to->v1->keys;

	if (h->exchange != V1_QUICK_MODE || n->before == 0)
		return v1_hash_1(k, h->message_id, plain, out);
	if (n->before == 1)
		return v1_hash_2(k, h->message_id, n->ni, plain, out);
	return v1_hash_3(k, h->message_id, n->ni, n->nr, out);
}

/* A message from bob: HASH, then `plain` whose first payload has the type `first`. */
static struct bytes seal_as(
	struct ike_sa *to, struct ike_header *h, uint8_t first, struct bytes plain, uint8_t *out)
{
	struct next n = next_of(to, h->message_id);
	size_t hash_size = v1_keys_hash_bytes(&to->v1->keys),
	       block = v1_keys_block_bytes(&to->v1->keys);
	struct writer w = writer_of(out, SEALED_BYTES_MAX);
	uint8_t hash[V1_HASH_BYTES_MAX];

	h->next_payload = V1_PAYLOAD_HASH;
	header_encode(&w, h);
	write_u8(&w, first);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(4 + hash_size));
	if (hash_of(to, &n, h, plain, hash) < 0)
		abort();
	write_bytes(&w, BYTES(hash, hash_size));
	write_bytes(&w, plain);
	write_zeros(&w, (block - (w.used - IKE_HEADER_BYTES) % block) % block);
	write_u32_at(&w, 24, (uint32_t)w.used);
	if (!writer_ok(&w) ||
		v1_encrypt(&to->v1->keys, &n.iv, out + IKE_HEADER_BYTES,
			w.used - IKE_HEADER_BYTES) < 0)
		abort();
	return writer_bytes(&w);
}

/* Of what alice has under way, or a number of its own. */
static uint32_t choose_id(const struct ike_sa *to, uint8_t which)
{
	if (which & 1 && to->ours && to->ours->message_id)
		return to->ours->message_id;
	if (which & 2 && to->theirs && to->theirs->message_id)
		return to->theirs->message_id;
	return 1 + which;
}

static void one_message(struct host *alice, struct reader *r)
{
	static const uint8_t usual[] = { V1_QUICK_MODE, V1_INFORMATIONAL, V1_TRANSACTION };
	struct ike_sa *to = alice->engine->sas;
	uint8_t sealed[SEALED_BYTES_MAX], exchange = read_u8(r), which = read_u8(r),
					  first = read_u8(r);
	size_t length = read_u16(r) % 2048;
	struct bytes plain = read_bytes(r, length < reader_left(r) ? length : reader_left(r));
	struct ike_header h = { .spi_i = to->spi_i,
		.spi_r = to->spi_r,
		.version = V1_VERSION,
		.exchange = exchange < 200 ? usual[exchange % 3] : exchange,
		.flags = V1_FLAG_ENCRYPTION,
		.message_id = choose_id(to, which) };

	host_datagram(alice, &(struct ike_path){ to->path.local, to->path.remote },
		seal_as(to, &h, first, plain, sealed));
	if (read_u8(r) & 1)
		host_rekey(alice, exchange & 2 ? "net" : NULL, exchange & 2 ? NULL : "net");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool phase1_over(const struct host *h)
{
	const struct ike_sa *sa = h->engine->sas;

	return sa && sa->v1 && sa->v1->phase1_over;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));
	struct world *w = world_new(1);
	uint8_t how = read_u8(&r);
	struct host *alice = make_host(w, 0, how), *bob = make_host(w, 1, how);

	host_initiate(how & HOW_ALICE ? alice : bob, "net");
	if (how & HOW_EARLY)
		for (int i = 0; i < 500 && !phase1_over(alice); i++)
			world_run(w, NS_PER_MS);
	else
		world_settle(w, NS_PER_SECOND);
	w->faults.partition = true; /* all that alice hears from now on is ours */
	for (int i = 0; i < 8 && reader_left(&r) > 4; i++) {
		if (!phase1_over(alice))
			break;
		one_message(alice, &r);
		while (alice->answers)
			world_run(w, NS_PER_MS);
	}
	world_free(w);
	return 0;
}
