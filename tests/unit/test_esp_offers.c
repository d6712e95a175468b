/* SPIs that were offered: what comes for one waits for its SA, in bounds, and nobody is told. */
#include "esp_world.h"

#define SPI_NEW 0x3000

/* b offers an SPI for a second child, and a has that installed already. */
static struct world *world_offered(struct child_spec *ret_spec)
{
	const struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);
	struct child_spec a = spec;
	uint32_t spi;

	assert_int_equal(esp_allocate_spi(w->b, w->now, &spi), 0);
	assert_true(spi >= 256);
	a.child_id = 2;
	a.spi_in = SPI_NEW;
	a.spi_out = spi;
	install(w->a, &a);
	*ret_spec = spec_mirrored(&a);
	return w;
}

static struct esp_out *send_one(struct world *w)
{
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 100);
	return world_receive(w, world_send(w));
}

static bool told(struct world *w, enum esp_event_kind kind)
{
	struct esp_event event;
	bool found = false;

	while (esp_next_event(w->b, &event))
		found = found || event.kind == kind;
	return found;
}

/* Takes what waited. Returns how many were delivered. */
static size_t take(struct world *w)
{
	size_t used, count = 0;

	while ((used = esp_early(w->b, w->now, w->out, OUTS)))
		for (size_t i = 0; i < used; i++)
			count += w->out[i].verdict == ESP_DELIVER;
	return count;
}

static void packets_wait_for_their_sa_and_come_in_order(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);
	struct esp_child_stats stats;

	(void)state;
	for (size_t i = 0; i < 20; i++)
		assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	assert_int_equal(esp_early(w->b, w->now, w->out, OUTS), 0);
	assert_false(told(w, ESP_EVENT_UNKNOWN_SPI));
	install(w->b, &spec);
	assert_int_equal(take(w), 20);
	assert_int_equal(take(w), 0);
	assert_int_equal(send_one(w)->verdict, ESP_DELIVER);
	assert_int_equal(esp_stats(w->b, 2, &stats), 0);
	assert_int_equal(stats.in.packets, 21);
	assert_int_equal(stats.replayed, 0);
	world_free(w);
}

static void what_waited_is_judged_as_any_other(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);
	struct esp_out *sealed;

	(void)state;
	packet_make(w, "10.1.0.1", "10.2.0.1", PROTOCOL_UDP, 100);
	sealed = world_send(w);
	assert_int_equal(world_receive(w, sealed)->verdict, ESP_KEPT);
	assert_int_equal(world_receive(w, sealed)->verdict, ESP_KEPT);
	sealed->memory[sealed->packet.size - 1] ^= 1;
	assert_int_equal(world_receive(w, sealed)->verdict, ESP_KEPT);
	install(w->b, &spec);
	assert_int_equal(take(w), 1);
	assert_int_equal(esp_drops(w->b, ESP_REASON_REPLAY), 2);
	world_free(w);
}

static void an_spi_that_nobody_offered_is_told(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);

	(void)state;
	esp_release_spi(w->b, spec.spi_in);
	assert_int_equal(send_one(w)->reason, ESP_REASON_NO_SA);
	assert_true(told(w, ESP_EVENT_UNKNOWN_SPI));
	world_free(w);
}

static void nothing_waits_for_ever(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);

	(void)state;
	assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	w->now += EARLY_NS;
	assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	w->now += 1;
	install(w->b, &spec);
	assert_int_equal(take(w), 1);
	assert_int_equal(esp_drops(w->b, ESP_REASON_NO_SA), 1);
	world_free(w);
}

static void an_offer_ends_in_time(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);

	(void)state;
	w->now += OFFER_NS;
	assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	w->now += 1;
	assert_int_equal(send_one(w)->reason, ESP_REASON_NO_SA);
	assert_true(told(w, ESP_EVENT_UNKNOWN_SPI));
	install(w->b, &spec);
	assert_int_equal(take(w), 1);
	world_free(w);
}

static void the_oldest_of_many_offers_ends(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);
	uint32_t spi;

	(void)state;
	for (size_t i = 1; i < OFFERS_MAX; i++)
		assert_int_equal(esp_allocate_spi(w->b, w->now, &spi), 0);
	assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	assert_int_equal(esp_allocate_spi(w->b, w->now, &spi), 0);
	assert_int_equal(send_one(w)->reason, ESP_REASON_NO_SA);
	world_free(w);
}

static void packets_are_bounded_in_number(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);

	(void)state;
	for (size_t i = 0; i < EARLY_PACKETS; i++)
		assert_int_equal(send_one(w)->verdict, ESP_KEPT);
	assert_int_equal(send_one(w)->reason, ESP_REASON_EARLY_FULL);
	assert_false(told(w, ESP_EVENT_UNKNOWN_SPI));
	install(w->b, &spec);
	assert_int_equal(take(w), EARLY_PACKETS);
	world_free(w);
}

static void packets_are_bounded_in_octets(void **state)
{
	struct child_spec spec;
	struct world *w = world_offered(&spec);
	uint8_t packet[EARLY_BYTES / 4] = { 0 };

	(void)state;
	store_u32(packet, spec.spi_in);
	packet[7] = 1;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(world_receive_bytes(w, BYTES_OF(packet), 0)->verdict, ESP_KEPT);
	assert_int_equal(send_one(w)->reason, ESP_REASON_EARLY_FULL);
	install(w->b, &spec);
	assert_int_equal(take(w), 0);
	assert_int_equal(esp_drops(w->b, ESP_REASON_INTEGRITY), 4);
	assert_int_equal(send_one(w)->verdict, ESP_DELIVER);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_wait_for_their_sa_and_come_in_order),
		cmocka_unit_test(what_waited_is_judged_as_any_other),
		cmocka_unit_test(an_spi_that_nobody_offered_is_told),
		cmocka_unit_test(nothing_waits_for_ever),
		cmocka_unit_test(an_offer_ends_in_time),
		cmocka_unit_test(the_oldest_of_many_offers_ends),
		cmocka_unit_test(packets_are_bounded_in_number),
		cmocka_unit_test(packets_are_bounded_in_octets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
