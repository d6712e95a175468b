/* Peers behind one NAT in transport mode: whose answers they are is told by flows, RFC 3948 §5.2.
 *
 *   10.0.0.2 ---+
 *               NAT 203.0.113.7 --- 192.0.2.2, the server
 *   10.0.0.3 ---+
 */
#include "esp_world.h"

#define SERVER     "192.0.2.2"
#define OUTSIDE    "203.0.113.7"
#define BYTES_SENT 60

struct site {
	struct crypto *crypto;
	struct esp *server, *clients[3];
	struct child_spec specs[3]; /* of the clients */
	struct esp_out out, back;
	ike_time now;
	uint8_t packet[BYTES_SENT];
};

static struct child_spec server_spec(const struct child_spec *client, uint16_t nat_port)
{
	struct child_spec s = spec_mirrored(client);

	s.child_id = s.reqid = client->child_id;
	s.path.remote = (struct endpoint){ address_of(OUTSIDE), nat_port };
	s.remote.list[0].first = s.remote.list[0].last = address_of(OUTSIDE);
	s.peer_nat = true;
	s.peer_key = client->path.local.address.octets[3];
	return s;
}

static void site_join(struct site *s, int i, uint32_t id, uint16_t nat_port)
{
	struct child_spec c = spec_of(GCM, CHILD_TRANSPORT, 4, 4), server;
	char address[] = "10.0.0.2";

	address[7] = (char)('2' + i);
	c.encap = true;
	c.child_id = c.reqid = id;
	c.spi_in = 0x1000 + id;
	c.spi_out = 0x2000 + id;
	c.path.local.address = address_of(address);
	c.local = selectors_of(address, address);
	if (s->clients[i])
		esp_remove(s->clients[i], s->specs[i].child_id);
	else
		s->clients[i] = esp_new(
			&(struct esp_options){ .crypto = s->crypto, .random = world_source });
	s->specs[i] = c;
	install(s->clients[i], &c);
	server = server_spec(&c, nat_port);
	install(s->server, &server);
}

static struct site *site_new(void)
{
	struct site *s = calloc(1, sizeof(*s));

	assert_non_null(s);
	s->crypto = crypto_new(NULL);
	s->now = NS_PER_SECOND;
	s->server = esp_new(&(struct esp_options){ .crypto = s->crypto, .random = world_source });
	s->out = (struct esp_out){ .memory = malloc(BUFFER_BYTES), .memory_size = BUFFER_BYTES };
	s->back = (struct esp_out){ .memory = malloc(BUFFER_BYTES), .memory_size = BUFFER_BYTES };
	site_join(s, 0, 1, 4500);
	site_join(s, 1, 2, 1025);
	return s;
}

static void site_free(struct site *s)
{
	esp_free(s->server);
	for (int i = 0; i < 3; i++)
		esp_free(s->clients[i]);
	free(s->out.memory);
	free(s->back.memory);
	crypto_free(s->crypto);
	free(s);
}

static uint16_t upper_sum(struct bytes packet)
{
	struct flow f;

	assert_true(flow_read(packet, &f));
	return checksum_end(checksum_add(checksum_pseudo(&f, f.protocol, f.size - f.upper),
		BYTES(packet.data + f.upper, f.size - f.upper)));
}

static void make(struct site *s, const char *from, const char *to, uint8_t protocol,
	const uint16_t ports[2], bool sum)
{
	size_t at = 20 + (protocol == PROTOCOL_TCP ? 16u : 6u);
	struct world w = { 0 };

	packet_make(&w, from, to, protocol, BYTES_SENT);
	memcpy(s->packet, w.packet, BYTES_SENT);
	store_u16(s->packet + 20, ports[0]);
	store_u16(s->packet + 22, ports[1]);
	store_u16(s->packet + at, 0);
	if (protocol == PROTOCOL_UDP)
		store_u16(s->packet + 24, BYTES_SENT - 20);
	if (sum)
		store_u16(s->packet + at, upper_sum(BYTES_OF(s->packet)));
}

static bool cross(struct site *s, struct esp *from, struct esp *to, const struct ike_path *path)
{
	struct esp_packet in = { .data = BYTES_OF(s->packet) };
	size_t used;

	assert_int_equal(esp_outbound(from, s->now, &in, 1, &s->out, 1, &used), 1);
	if (s->out.verdict != ESP_SEND)
		return false;
	esp_inbound(to, s->now,
		&(struct esp_in){ .packet = s->out.packet, .path = *path, .encap = true }, 1,
		&s->back);
	return s->back.verdict == ESP_DELIVER;
}

/* A packet of a client to the server: its port as it is seen there. */
static uint16_t say_by(struct site *s, int i, uint8_t protocol, uint16_t port, bool sum)
{
	struct ike_path seen = { { address_of(SERVER), 4500 },
		{ address_of(OUTSIDE), i == 0 ? 4500 : 1025 } };
	char from[] = "10.0.0.2";

	from[7] = (char)('2' + i);
	make(s, from, SERVER, protocol, (uint16_t[]){ port, 1701 }, sum);
	assert_true(cross(s, s->clients[i], s->server, &seen));
	assert_memory_equal(s->back.packet.data + 12, ((uint8_t[]){ 203, 0, 113, 7 }), 4);
	assert_int_equal(load_u16(s->back.packet.data + 22), 1701);
	if (sum)
		assert_int_equal(upper_sum(s->back.packet), 0);
	return load_u16(s->back.packet.data + 20);
}

static uint16_t say(struct site *s, int i, uint16_t port)
{
	return say_by(s, i, PROTOCOL_UDP, port, true);
}

/* What the server sends to a port: it gets to this client, at that port. */
static void answer_by(
	struct site *s, uint8_t protocol, uint16_t to, int client, uint16_t port, bool sum)
{
	struct ike_path seen = s->specs[client].path;

	make(s, SERVER, OUTSIDE, protocol, (uint16_t[]){ 1701, to }, sum);
	assert_true(cross(s, s->server, s->clients[client], &seen));
	assert_int_equal(load_u16(s->back.packet.data + 20), 1701);
	assert_int_equal(load_u16(s->back.packet.data + 22), port);
	if (sum)
		assert_int_equal(upper_sum(s->back.packet), 0);
}

static void answer(struct site *s, uint16_t to, int client, uint16_t port)
{
	answer_by(s, PROTOCOL_UDP, to, client, port, true);
}

static void two_with_the_same_port_are_told_apart(void **state)
{
	static const uint8_t protocols[] = { PROTOCOL_UDP, PROTOCOL_UDP, PROTOCOL_TCP };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(protocols); i++) {
		struct site *s = site_new();
		bool sum = i != 1;
		uint16_t shown;

		assert_int_equal(say_by(s, 0, protocols[i], 1701, sum), 1701);
		shown = say_by(s, 1, protocols[i], 1701, sum);
		assert_int_not_equal(shown, 1701);
		for (int again = 0; again < 2; again++) {
			answer_by(s, protocols[i], 1701, 0, 1701, sum);
			answer_by(s, protocols[i], shown, 1, 1701, sum);
			assert_int_equal(say_by(s, 1, protocols[i], 1701, sum), shown);
			assert_int_equal(say_by(s, 0, protocols[i], 1701, sum), 1701);
		}
		site_free(s);
	}
}

static void different_ports_stay_as_they_are(void **state)
{
	struct site *s = site_new();

	(void)state;
	assert_int_equal(say(s, 0, 50001), 50001);
	assert_int_equal(say(s, 1, 50002), 50002);
	answer(s, 50001, 0, 50001);
	answer(s, 50002, 1, 50002);
	site_free(s);
}

static void a_new_sa_and_a_new_place_of_the_peer_keep_its_port(void **state)
{
	struct ike_path seen = { { address_of(SERVER), 4500 }, { address_of(OUTSIDE), 7777 } };
	struct site *s = site_new();
	struct child_spec moved;
	uint16_t shown;

	(void)state;
	say(s, 0, 1701);
	shown = say(s, 1, 1701);
	site_join(s, 1, 3, 1025); /* without a word about the one before */
	answer(s, shown, 1, 1701);
	assert_int_equal(say(s, 1, 1701), shown);
	assert_int_equal(esp_remove(s->server, 2), 0);
	answer(s, shown, 1, 1701);

	moved = server_spec(&s->specs[1], 7777);
	assert_int_equal(esp_update_path(s->server, &moved), 0);
	answer(s, shown, 1, 1701);
	assert_int_equal(s->out.path.remote.port, 7777);
	make(s, "10.0.0.3", SERVER, PROTOCOL_UDP, (uint16_t[]){ 1701, 1701 }, true);
	assert_true(cross(s, s->clients[1], s->server, &seen));
	assert_int_equal(load_u16(s->back.packet.data + 20), shown);
	site_free(s);
}

static void a_port_is_free_again_when_its_peer_went_or_was_long_silent(void **state)
{
	struct site *s = site_new();
	uint16_t shown;

	(void)state;
	say(s, 0, 1701);
	shown = say(s, 1, 1701);
	s->now += 11 * 60 * NS_PER_SECOND;
	assert_int_equal(say(s, 1, 1701), shown);
	site_join(s, 2, 3, 1026);
	make(s, "10.0.0.4", SERVER, PROTOCOL_UDP, (uint16_t[]){ 1701, 1701 }, true);
	assert_true(cross(s, s->clients[2], s->server,
		&(struct ike_path){ { address_of(SERVER), 4500 }, { address_of(OUTSIDE), 1026 } }));
	assert_int_equal(load_u16(s->back.packet.data + 20), 1701);
	assert_int_not_equal(say(s, 0, 1701), 1701);
	assert_int_equal(esp_remove(s->server, 3), 0);
	assert_int_equal(esp_remove(s->server, 2), 0);
	assert_int_equal(s->server->track_count, 1);
	assert_int_equal(esp_remove(s->server, 1), 0);
	assert_int_equal(s->server->track_count, 0);
	site_free(s);
}

/* carol sends from where alice's packets come from, with a sender's address that isn't hers. */
static void nobody_takes_the_place_of_another(void **state)
{
	struct ike_path seen = { { address_of(SERVER), 4500 }, { address_of(OUTSIDE), 4500 } };
	struct site *s = site_new();

	(void)state;
	assert_int_equal(say(s, 0, 1701), 1701);
	site_join(s, 2, 3, 4500);
	make(s, "10.0.0.4", SERVER, PROTOCOL_UDP, (uint16_t[]){ 1701, 1701 }, true);
	assert_true(cross(s, s->clients[2], s->server, &seen));
	assert_int_not_equal(load_u16(s->back.packet.data + 20), 1701);
	answer(s, 1701, 0, 1701);
	site_free(s);
}

static void one_peer_takes_no_room_of_another(void **state)
{
	struct site *s = site_new();
	uint16_t shown;

	(void)state;
	say(s, 0, 1701);
	shown = say(s, 1, 1701);
	for (uint16_t port = 2000; port < 7000; port++)
		say(s, 0, port);
	assert_true(s->server->track_count < 300);
	answer(s, shown, 1, 1701);
	answer(s, 6999, 0, 6999);
	site_free(s);
}

/* Nothing shows whom ICMP is for. */
static void else_it_goes_to_whoever_was_heard_last(void **state)
{
	struct site *s = site_new();

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct ike_path seen = s->specs[i % 2].path;

		s->now += NS_PER_SECOND;
		say(s, i % 2, 1701);
		make(s, SERVER, OUTSIDE, PROTOCOL_ICMPV4, (uint16_t[]){ 0x0800, 7 }, false);
		assert_true(cross(s, s->server, s->clients[i % 2], &seen));
	}
	site_free(s);
}

/* A packet that is yet to be cut goes back like those that it becomes, one output at a time. */
static void segments_find_their_peer(void **state)
{
	struct site *s = site_new();
	uint16_t shown;
	struct esp_packet in = { .data = BYTES_OF(s->packet), .segment_bytes = 12 };
	size_t used, done = 0;
	struct flow f;

	(void)state;
	say_by(s, 0, PROTOCOL_TCP, 1701, true);
	shown = say_by(s, 1, PROTOCOL_TCP, 1701, true);
	make(s, SERVER, OUTSIDE, PROTOCOL_TCP, (uint16_t[]){ 1701, shown }, false);
	assert_true(flow_read(in.data, &f));
	store_u16(s->packet + 36,
		(uint16_t)~checksum_end(checksum_pseudo(&f, PROTOCOL_TCP, BYTES_SENT - 20)));
	for (size_t i = 0; !done; i++) {
		done = esp_outbound(s->server, s->now, &in, 1, &s->out, 1, &used);
		assert_int_equal(used, 1);
		assert_int_equal(s->out.verdict, ESP_SEND);
		assert_int_equal(s->out.path.remote.port, 1025);
		esp_inbound(s->clients[1], s->now,
			&(struct esp_in){
				.packet = s->out.packet, .path = s->specs[1].path, .encap = true },
			1, &s->back);
		assert_int_equal(s->back.verdict, ESP_DELIVER);
		assert_int_equal(s->back.packet.size, i == 0 ? 52 : 48);
		assert_int_equal(load_u16(s->back.packet.data + 22), 1701);
		assert_int_equal(upper_sum(s->back.packet), 0);
	}
	site_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_with_the_same_port_are_told_apart),
		cmocka_unit_test(different_ports_stay_as_they_are),
		cmocka_unit_test(a_new_sa_and_a_new_place_of_the_peer_keep_its_port),
		cmocka_unit_test(a_port_is_free_again_when_its_peer_went_or_was_long_silent),
		cmocka_unit_test(nobody_takes_the_place_of_another),
		cmocka_unit_test(one_peer_takes_no_room_of_another),
		cmocka_unit_test(else_it_goes_to_whoever_was_heard_last),
		cmocka_unit_test(segments_find_their_peer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
