/* Used serials, against a model: none is ever forgotten, and nothing else counts as used but what is
 * at or below the floor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ike/spent.h"

#define SERIALS 400

static uint64_t next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

static void what_was_used_stays_used(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		struct spent s = { 0 };
		bool used[SERIALS + 1] = { false };
		uint64_t state = seed;
		uint32_t max = (uint32_t)(next(&state) % 40);

		for (int i = 0; i < 300; i++) {
			uint64_t serial = 1 + next(&state) % SERIALS;

			spent_add(&s, serial, max);
			used[serial] = true;
			assert_true(s.count <= (max ? max : 1));
			for (uint64_t n = 1; n <= SERIALS; n++)
				assert_int_equal(spent_has(&s, n), used[n] || n <= s.floor);
		}
		spent_free(&s);
	}
}

static void the_floor_only_rises_where_it_must(void **unused)
{
	struct spent s = { 0 };

	(void)unused;
	for (uint64_t n = 10; n < 20; n++)
		spent_add(&s, n, 10);
	assert_int_equal(s.floor, 0);
	assert_false(spent_has(&s, 9));
	spent_add(&s, 30, 10);
	assert_int_equal(s.floor, 10);
	assert_true(spent_has(&s, 9) && spent_has(&s, 30) && !spent_has(&s, 29));
	spent_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_used_stays_used),
		cmocka_unit_test(the_floor_only_rises_where_it_must),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
