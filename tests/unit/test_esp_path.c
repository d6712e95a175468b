/* What is known of a path's MTU is known to all children that go along it, whenever they came to it. */
#include "esp_world.h"

#define CHILDREN 200
#define REMOTES  6
#define STEPS    4000

static struct address remote_of(uint32_t number)
{
	char text[] = "203.0.113.0";

	text[10] = (char)('0' + number);
	return address_of(text);
}

static void check(struct esp *esp, const uint32_t mtus[static REMOTES])
{
	for (const struct child *c = esp->children; c; c = c->next) {
		uint32_t known = mtus[c->spec.path.remote.address.octets[3]];
		struct child other = *c;

		assert_int_equal(c->path_mtu, known ? known : 1500);
		child_measure(&other);
		assert_memory_equal(&other.measures, &c->measures, sizeof(other.measures));
	}
}

static void children_follow_what_is_known_of_their_path(void **state)
{
	const struct child_spec model = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct crypto *crypto = crypto_new(NULL);
	struct esp *esp =
		esp_new(&(struct esp_options){ .crypto = crypto, .random = world_source });
	uint32_t mtus[REMOTES] = { 0 };

	(void)state;
	for (uint32_t step = 0; step < STEPS; step++) {
		struct child_spec spec = model;
		uint32_t to = roll(REMOTES);

		spec.child_id = spec.reqid = 1 + roll(CHILDREN);
		spec.spi_in = SPI_A + spec.child_id;
		spec.path.remote.address = remote_of(to);
		switch (roll(4)) {
		case 0:
			(void)esp_install_in(esp, 1, &spec);
			break;
		case 1:
			(void)esp_update_path(esp, &spec);
			break;
		case 2:
			(void)esp_remove(esp, spec.child_id);
			break;
		default:
			mtus[to] = roll(3) ? 600 + roll(800) : 0;
			esp_set_pmtu(esp, &spec.path.remote.address, mtus[to]);
			break;
		}
		check(esp, mtus);
	}
	esp_free(esp);
	crypto_free(crypto);
}

static void what_was_forgotten_for_others_is_the_default_again(void **state)
{
	struct child_spec spec = spec_of(GCM, CHILD_TUNNEL, 4, 4);
	struct world *w = world_new(&spec);
	struct address other = address_of("198.51.0.0");

	(void)state;
	esp_set_pmtu(w->a, &spec.path.remote.address, 1000);
	assert_int_equal(world_child(w->a)->path_mtu, 1000);
	for (unsigned i = 0; i < PATH_MTUS_MAX; i++) {
		store_u16(other.octets + 2, (uint16_t)i);
		assert_int_equal(world_child(w->a)->path_mtu, 1000);
		esp_set_pmtu(w->a, &other, 1200);
	}
	assert_int_equal(world_child(w->a)->path_mtu, 1500);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_follow_what_is_known_of_their_path),
		cmocka_unit_test(what_was_forgotten_for_others_is_the_default_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
