/* The datagram of IKEv1: octets from nobody into a fresh engine, as responder and in the middle of
 * setting up as initiator, in main and in aggressive mode. The input is a run of datagrams, each with a
 * 2-octet length. Since whoever goes on with a phase 1 has to name cookies that he can't guess, those of
 * the input are replaced by the engine's where its first octet says so. */
#include <stdio.h>

#include "ike/sa.h"
#include "sim/world.h"

static const char config[] =
	"connections {\n net {\n version = 1\n local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n aggressive = %s\n proposals = aes128-sha256-x25519, 3des-sha1-modp1024\n"
	" local {\n auth = psk\n id = alice\n }\n remote {\n auth = psk\n id = bob\n }\n"
	" children {\n net {\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

#define DATAGRAM_BYTES_MAX 2048

/* The first octet of an input. */
enum { INITIATES = 1, WITH_COOKIES = 2, AGGRESSIVE = 4 };

static void give(struct host *h, const struct ike_path *path, struct bytes octets, bool cookies)
{
	const struct ike_sa *sa = h->engine->sas;
	uint8_t datagram[DATAGRAM_BYTES_MAX];
	size_t size = octets.size < sizeof(datagram) ? octets.size : sizeof(datagram);

	if (size)
		memcpy(datagram, octets.data, size);
	if (cookies && sa && size >= IKE_HEADER_BYTES) {
		if (!sa->initiator || !datagram[0])
			store_u64(datagram, sa->spi_i);
		if (sa->spi_r)
			store_u64(datagram + 8, sa->spi_r);
		store_u32(datagram + 24, (uint32_t)size);
	}
	host_datagram(h, path, BYTES(datagram, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));
	struct world *w = world_new(1);
	uint8_t how = read_u8(&r);
	char text[1000];
	struct host *h;
	struct ike_path path;

	snprintf(text, sizeof(text), config, how & AGGRESSIVE ? "yes" : "no");
	h = world_host(w, "alice", "192.0.2.1", text, NULL);
	path = (struct ike_path){ { h->address, 500 }, { h->address, 500 } };
	path.remote.address.octets[3] = 2;
	if (how & INITIATES)
		host_initiate(h, "net");
	for (int i = 0; i < 16 && reader_left(&r) > 2; i++) {
		uint16_t length = read_u16(&r);

		give(h, &path, read_bytes(&r, length < reader_left(&r) ? length : reader_left(&r)),
			how & WITH_COOKIES);
		world_settle(w, NS_PER_SECOND);
	}
	world_free(w);
	return 0;
}
