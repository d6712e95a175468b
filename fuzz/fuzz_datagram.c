/* The datagram: bytes from nobody into a fresh engine, as responder and in the middle of setting up
 * as initiator. The input is a run of datagrams, each with a 2-octet length. One whose initiator's SPI is 0
 * gets that of alice's SA, as if its sender had seen her request. */
#include "sim/world.h"

#include <stdio.h>

#define DATAGRAM_BYTES_MAX 4096

static const char config[] =
	"connections {\n net {\n version = 2\n local_addrs = 192.0.2.1\n remote_addrs = 192.0.2.2\n proposals = aes128gcm16-prfsha256-x25519\n"
	" local {\n auth = psk\n id = alice\n }\n remote {\n auth = psk\n id = bob\n }\n resumption = yes\n"
	" children {\n net {\n local_ts = 10.1.0.0/16\n remote_ts = 10.2.0.0/16\n esp_proposals = aes128gcm16\n }\n }\n }\n}\n"
	"secrets {\n ike-1 {\n secret = sharks\n }\n}\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void give(struct host *h, const struct ike_path *path, struct bytes datagram)
{
	uint8_t copy[DATAGRAM_BYTES_MAX];
	struct ike_sa_view sa;
	size_t position = 0;

	if (datagram.size > 8 && datagram.size <= sizeof(copy) && load_u64(datagram.data) == 0 &&
		ike_next_sa(h->engine, &position, &sa)) {
		memcpy(copy, datagram.data, datagram.size);
		store_u64(copy, sa.spi_i);
		datagram.data = copy;
	}
	host_datagram(h, path, datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(BYTES(data, size));
	struct world *w = world_new(1);
	struct ike_options o;
	struct host *h;
	struct ike_path path;

	ike_options_default(&o);
	o.tickets = true; /* IKE_SESSION_RESUME is read, too */
	h = world_host(w, "alice", "192.0.2.1", config, &o);
	path = (struct ike_path){ .local = { h->address, 500 }, .remote = { h->address, 500 } };
	path.remote.address.octets[3] = 2;
	if (read_u8(&r) & 1)
		host_initiate(h, "net");
	for (int i = 0; i < 16 && reader_left(&r) > 2; i++) {
		uint16_t length = read_u16(&r);
		struct bytes datagram =
			read_bytes(&r, length < reader_left(&r) ? length : reader_left(&r));

		give(h, &path, datagram);
		world_settle(w, NS_PER_SECOND);
	}
	world_free(w);
	return 0;
}
