/* Shunts in the plane: which of them comes before a tunnel, and what is dropped by which reason. */
#include "esp_world.h"

#include <errno.h>

static struct child_spec shunt_of(enum child_mode mode, const char *first, const char *last)
{
	return (struct child_spec){ .reqid = 7,
		.mode = mode,
		.local = selectors_of("10.1.0.0", "10.1.255.255"),
		.remote = selectors_of(first, last) };
}

static struct esp_out *send_to(struct world *w, const char *to)
{
	packet_make(w, "10.1.0.1", to, PROTOCOL_UDP, 60);
	return world_send(w);
}

static uint64_t dropped_by(const struct esp *esp, uint32_t reqid)
{
	struct esp_trap_stats stats;

	assert_int_equal(esp_trap_stats(esp, reqid, &stats), 0);
	return stats.dropped;
}

static void modes_and_priorities_say_who_comes_first(void **state)
{
	static const struct {
		enum child_mode mode;
		const char *first, *last; /* the tunnel's is 10.2.0.0/16 */
		uint32_t tunnel, shunt;   /* priorities */
		enum esp_reason reason;
	} cases[] = {
		{ CHILD_DROP, "10.2.0.0", "10.2.255.255", 0, 0, ESP_REASON_NONE },
		{ CHILD_DROP, "10.2.3.0", "10.2.3.255", 0, 0, ESP_REASON_NONE },
		{ CHILD_DROP, "10.2.3.0", "10.2.3.255", 0, 1, ESP_REASON_SHUNT_DROP },
		{ CHILD_DROP, "0.0.0.0", "255.255.255.255", 0, 1, ESP_REASON_SHUNT_DROP },
		{ CHILD_DROP, "10.2.3.0", "10.2.3.255", 5, 6, ESP_REASON_NONE },
		{ CHILD_DROP, "10.2.3.0", "10.2.3.255", 6, 5, ESP_REASON_SHUNT_DROP },
		{ CHILD_PASS, "10.2.3.0", "10.2.3.255", 0, 0, ESP_REASON_SHUNT_PASS },
		{ CHILD_PASS, "0.0.0.0", "255.255.255.255", 0, 0, ESP_REASON_SHUNT_PASS },
		{ CHILD_PASS, "10.2.3.0", "10.2.3.255", 5, 0, ESP_REASON_NONE },
		{ CHILD_PASS, "10.2.3.0", "10.2.3.255", 5, 4, ESP_REASON_SHUNT_PASS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4),
				  shunt = shunt_of(cases[i].mode, cases[i].first, cases[i].last);
		struct esp_out *out;
		struct world *w;

		spec.priority = cases[i].tunnel;
		shunt.priority = cases[i].shunt;
		w = world_new(&spec);
		assert_int_equal(esp_shunt(w->a, &shunt), 0);
		out = send_to(w, "10.2.3.4");
		assert_int_equal(out->verdict, cases[i].reason ? ESP_DROP : ESP_SEND);
		assert_int_equal(out->reason, cases[i].reason);
		assert_int_equal(dropped_by(w->a, 7), cases[i].reason != ESP_REASON_NONE);
		assert_int_equal(esp_unshunt(w->a, 7), 0);
		assert_int_equal(send_to(w, "10.2.3.4")->verdict, ESP_SEND);
		assert_int_equal(esp_unshunt(w->a, 7), -ENOENT);
		world_free(w);
	}
}

static void what_no_tunnel_takes_is_dropped_by_its_reason(void **state)
{
	const struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct child_spec shunt = shunt_of(CHILD_DROP, "10.9.0.0", "10.9.255.255");
	struct world *w = world_new(&spec);

	(void)state;
	assert_int_equal(send_to(w, "10.9.0.1")->reason, ESP_REASON_NO_POLICY);
	assert_int_equal(esp_shunt(w->a, &shunt), 0);
	assert_int_equal(send_to(w, "10.9.0.1")->reason, ESP_REASON_SHUNT_DROP);
	assert_int_equal(esp_drops(w->a, ESP_REASON_SHUNT_DROP), 1);
	shunt.remote = selectors_of("10.8.0.0", "10.8.255.255"); /* again: in its place */
	assert_int_equal(esp_shunt(w->a, &shunt), 0);
	assert_int_equal(send_to(w, "10.9.0.1")->reason, ESP_REASON_NO_POLICY);
	shunt.mode = CHILD_TUNNEL;
	assert_int_equal(esp_shunt(w->a, &shunt), -EINVAL);
	world_free(w);
}

static void what_comes_decrypted_is_dropped_too(void **state)
{
	const struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct child_spec shunt = { .reqid = 7, .mode = CHILD_DROP, .priority = 1 };
	struct world *w = world_new(&spec);
	struct esp_out *out;

	(void)state;
	shunt.local = selectors_of("10.2.3.0", "10.2.3.255");
	shunt.remote = selectors_of("10.1.0.0", "10.1.255.255");
	assert_int_equal(esp_shunt(w->b, &shunt), 0);
	out = world_receive(w, send_to(w, "10.2.3.4"));
	assert_int_equal(out->verdict, ESP_DROP);
	assert_int_equal(out->reason, ESP_REASON_SHUNT_DROP);
	assert_int_equal(world_receive(w, send_to(w, "10.2.4.4"))->verdict, ESP_DELIVER);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_and_priorities_say_who_comes_first),
		cmocka_unit_test(what_no_tunnel_takes_is_dropped_by_its_reason),
		cmocka_unit_test(what_comes_decrypted_is_dropped_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
