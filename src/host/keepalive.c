/* NAT-keepalives: one octet, 0xff, from behind a NAT to each peer, so that the NAT keeps its
 * mapping (RFC 3948 §4). They are sent whether or not there was traffic: a datagram of 29 octets is
 * cheaper than knowing. */
#include "host/host.h"

static void send_keepalive(struct host *h, const struct ike_path *path)
{
	static const uint8_t octet = 0xff;
	const struct datagram d = { .path = *path, .data = BYTES(&octet, 1) };
	struct datagram_socket *s = udp_socket(&h->udp, path);

	if (s && s->port == h->udp.port_nat_t)
		(void)datagram_send(s, &d, 1);
}

static void on_keepalive(uv_timer_t *timer)
{
	struct host *h = timer->data;
	struct ike_sa_view sa;
	size_t position = 0;

	while (ike_next_sa(h->engine, &position, &sa)) {
		if (sa.nat_local && !sa.nat_fake)
			send_keepalive(h, &sa.path);
	}
}

int keepalive_start(struct host *h)
{
	uint64_t ms = h->settings.keep_alive_s * 1000;

	uv_timer_init(&h->loop, &h->keepalive);
	h->keepalive.data = h;
	return ms ? uv_timer_start(&h->keepalive, on_keepalive, ms, ms) : 0;
}
