/* The opened message: mutated plaintext that is correctly sealed, into an SA that stands, or into one that awaits
 * IKE_AUTH: the first octet says (enum how). The peer's keys are the engine's own: bob's sealer, taken from his
 * SA. */
#include <stdio.h>
#include <stdlib.h>

#include "ike/sa.h"
#include "sim/world.h"

#define SEALED_BYTES_MAX 4096

enum how {
	HOW_EARLY = 1,
	HOW_TWO_ROUNDS = 2,
	HOW_BETWEEN_ROUNDS = 4,
	HOW_POOLS = 8,
	HOW_ALICE = 16, /* initiates: what comes answers her, and as a client she is redirected */
};

static const char *const configs[] = {
	"connections {\n net {\n version = 2\n local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = alice\n }\n remote {\n auth = psk\n id = bob\n }\n%s"
	" children {\n net {\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"pools {\n small {\n addrs = 10.3.0.0/28\n dns = 10.1.0.53\n }\n six {\n addrs = fd03::/120\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n",
	"connections {\n net {\n version = 2\n local_addrs = 192.0.2.2\n remote_addrs = 192.0.2.1\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = bob\n }\n remote {\n auth = psk\n id = alice\n }\n resumption = yes\n%s"
	" children {\n net {\n local_ts = 10.2.0.0/16\n remote_ts = 10.1.0.0/16\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n",
};

/* Second rounds of both, RFC 4739. */
static const char *const rounds[] = {
	" local-2 {\n auth = psk\n id = alice.user\n round = 2\n }\n remote-2 {\n auth = psk\n id = bob.user\n round = 2\n }\n",
	" local-2 {\n auth = psk\n id = bob.user\n round = 2\n }\n remote-2 {\n auth = psk\n id = alice.user\n round = 2\n }\n",
};

/* Alice gives addresses, or asks for them. */
static const char *pools_of(int which, uint8_t how)
{
	if (!(how & HOW_POOLS))
		return "";
	return (which == 0) == !(how & HOW_ALICE) ? " pools = small, six\n"
						  : " vips = 0.0.0.0, ::\n";
}

static struct host *make_host(struct world *w, int which, uint8_t how)
{
	static const char *const names[] = { "alice", "bob" };
	static const char *const addresses[] = { "192.0.2.1", "192.0.2.2" };
	struct ike_options o;
	char text[2048], more[400];

	ike_options_default(&o);
	o.tickets = true;
	o.qcd_secret.size = 32;
	memset(o.qcd_secret.data, 'a' + which, 32);
	snprintf(more, sizeof(more), "%s%s", how & HOW_TWO_ROUNDS ? rounds[which] : "",
		pools_of(which, how));
	snprintf(text, sizeof(text), configs[which], more);
	return world_host(w, names[which], addresses[which], text, &o);
}

/* A message from bob with any exchange type, flags and first payload around the plaintext. */
static struct bytes seal_as(struct ike_sa *from, uint8_t exchange, uint8_t flags, uint32_t id,
	uint8_t first, struct bytes plain, uint8_t *out)
{
	const struct seal_suite *suite = sealer_suite(from->keys.out);
	struct ike_header h = { .spi_i = from->spi_i,
		.spi_r = from->spi_r,
		.next_payload = PAYLOAD_SK,
		.version = 0x20,
		.exchange = exchange,
		.flags = flags,
		.message_id = id };
	size_t iv = suite_iv_bytes(suite), icv = suite_icv_bytes(suite);
	struct writer w = writer_of(out, SEALED_BYTES_MAX);
	size_t aad, text;
	uint8_t *iv_at, *icv_at;

	h.length = (uint32_t)(IKE_HEADER_BYTES + 4 + iv + plain.size + 1 + icv);
	header_encode(&w, &h);
	write_u8(&w, first);
	write_u8(&w, 0);
	write_u16(&w, (uint16_t)(h.length - IKE_HEADER_BYTES));
	aad = w.used;
	iv_at = write_room(&w, iv);
	store_u64(iv_at, 1000000 + id);
	text = w.used;
	write_bytes(&w, plain);
	write_u8(&w, 0);
	icv_at = write_room(&w, icv);
	if (!writer_ok(&w) ||
		sealer_seal(from->keys.out, BYTES(out, aad), iv_at, out + text, plain.size + 1,
			BYTES_EMPTY, icv_at) < 0)
		abort();
	return writer_bytes(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));
	struct world *w = world_new(1);
	uint8_t how = read_u8(&r);
	struct host *alice = make_host(w, 0, how), *bob = make_host(w, 1, how);
	bool early = how & HOW_EARLY;
	uint8_t sealed[SEALED_BYTES_MAX];

	host_initiate(how & HOW_ALICE ? alice : bob, "net");
	for (int i = 0; early && i < 3 &&
		!(alice->engine->sas && bob->engine->sas && alice->engine->sas->keys.in &&
			bob->engine->sas->keys.in);
		i++)
		world_run(w, 10 * NS_PER_MS);
	if (!early)
		world_settle(w, NS_PER_SECOND);
	else if (how & HOW_BETWEEN_ROUNDS)
		world_run(w, 35 * NS_PER_MS); /* into the middle of several rounds */

	for (int i = 0; i < 8 && reader_left(&r) > 4; i++) {
		uint8_t exchange = read_u8(&r), flags = read_u8(&r), first = read_u8(&r);
		size_t length = read_u16(&r) % 2048;
		struct bytes plain =
			read_bytes(&r, length < reader_left(&r) ? length : reader_left(&r));
		struct ike_sa *to = alice->engine->sas, *from = bob->engine->sas;

		if (!to || !from || !from->keys.out || !to->keys.in || from->spi_i != to->spi_i)
			break;
		/* Mostly what fits; sometimes anything. */
		if (exchange < 200)
			exchange = (uint8_t)(IKE_AUTH + exchange % 3);
		if (flags < 200)
			flags = (uint8_t)((from->initiator ? FLAG_INITIATOR : 0) |
				(flags & 1 && to->window.waiting ? FLAG_RESPONSE : 0));
		host_datagram(alice, &(struct ike_path){ to->path.local, to->path.remote },
			seal_as(from, exchange, flags,
				flags & FLAG_RESPONSE ? to->window.next_request - 1
						      : to->window.next_expected,
				first, plain, sealed));
		if (read_u8(&r) & 1)
			host_rekey(alice, exchange & 1 ? "net" : NULL, exchange & 1 ? NULL : "net");
		while (alice->answers)
			world_run(w, NS_PER_MS);
	}
	world_free(w);
	return 0;
}
