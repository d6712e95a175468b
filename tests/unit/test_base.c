/* The base: cursors at their bounds, the table and the timers against simple models, the arena's
 * cap. */
#include "octets.h"

#include "base/address.h"
#include "base/arena.h"
#include "base/fellows.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/timer.h"

#include <errno.h>
#include <limits.h>

#define MODEL_STEPS 100000
#define MODEL_SIZE  300

static uint64_t chance;

static uint64_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return chance;
}

/* Bytes. */

static void bytes_compare_by_content_then_size(void **state)
{
	struct bytes abc = bytes_of_text("abc"), abd = bytes_of_text("abd"),
		     ab = bytes_of_text("ab");

	(void)state;
	assert_true(bytes_equal(abc, bytes_of_text("abc")));
	assert_false(bytes_equal(abc, ab));
	assert_false(bytes_equal(abc, abd));
	assert_true(bytes_equal(BYTES_EMPTY, bytes_of_text("")));
	assert_true(bytes_equal_secret(abc, bytes_of_text("abc")));
	assert_false(bytes_equal_secret(abc, abd));
	assert_false(bytes_equal_secret(abc, ab));
	assert_true(bytes_equal_secret(BYTES_EMPTY, BYTES_EMPTY));
	assert_true(bytes_compare(abc, abd) < 0);
	assert_true(bytes_compare(abc, ab) > 0);
	assert_true(bytes_compare(BYTES_EMPTY, ab) < 0);
	assert_int_equal(bytes_compare(abc, abc), 0);
}

static void bytes_are_copied_and_wiped(void **state)
{
	static const uint8_t zeros[4];
	uint8_t *copy = bytes_copy(bytes_of_text("abcd"));

	(void)state;
	assert_memory_equal(copy, "abcd", 4);
	bytes_wipe(copy, 4);
	assert_memory_equal(copy, zeros, 4);
	bytes_wipe(NULL, 0);
	assert_null(bytes_copy(BYTES_EMPTY));
	free(copy);
}

static void hexadecimal_goes_both_ways(void **state)
{
	uint8_t octets[4] = { 0x00, 0x9a, 0xbc, 0xff }, back[4] = { 0 };
	char text[9];

	(void)state;
	assert_string_equal(bytes_to_hex(BYTES_OF(octets), text, 9), "009abcff");
	assert_string_equal(bytes_to_hex(BYTES_OF(octets), text, 8), "009abc");
	assert_string_equal(bytes_to_hex(BYTES_OF(octets), text, 1), "");
	assert_string_equal(bytes_to_hex(BYTES_EMPTY, text, 9), "");
	assert_int_equal(bytes_from_hex("009aBCff", back, 4), 4);
	assert_memory_equal(octets, back, 4);
	assert_int_equal(bytes_from_hex("", back, 4), 0);
	assert_int_equal(bytes_from_hex("abc", back, 4), -EINVAL);
	assert_int_equal(bytes_from_hex("0g", back, 4), -EINVAL);
	assert_int_equal(bytes_from_hex("0102030405", back, 4), -ENOBUFS);
}

/* The reader. */

static void a_reader_reads_big_endian_to_the_end(void **state)
{
	uint8_t octets[18], copy[2];
	struct reader r = reader_of(BYTES_OF(octets));

	(void)state;
	for (uint8_t i = 0; i < sizeof(octets); i++)
		octets[i] = i + 1;

	assert_int_equal(read_u8(&r), 0x01);
	assert_int_equal(read_u16(&r), 0x0203);
	assert_int_equal(read_u32(&r), 0x04050607);
	assert_true(read_u64(&r) == 0x08090a0b0c0d0e0f);
	assert_int_equal(reader_left(&r), 3);
	assert_false(reader_done(&r));
	read_copy(&r, copy, 2);
	assert_int_equal(copy[1], 0x11);
	assert_int_equal(read_rest(&r).size, 1);
	assert_true(reader_done(&r) && reader_ok(&r));
	assert_int_equal(read_rest(&r).size, 0);
	assert_true(reader_done(&r));
}

static void a_read_past_the_end_sticks_and_gives_zeros(void **state)
{
	struct bytes three = alone(BYTES("\xff\xff\xff", 3));
	struct reader r = reader_of(three);
	uint8_t copy[4] = { 1, 1, 1, 1 };

	(void)state;
	assert_int_equal(read_u32(&r), 0);
	assert_false(reader_ok(&r));
	assert_false(reader_done(&r));
	assert_int_equal(reader_left(&r), 0);
	assert_int_equal(read_u8(&r), 0);
	assert_int_equal(read_u16(&r), 0);
	assert_true(read_u64(&r) == 0);
	assert_null(read_bytes(&r, 1).data);
	assert_int_equal(read_rest(&r).size, 0);
	read_copy(&r, copy, sizeof(copy));
	assert_int_equal(load_u32(copy), 0);

	r = reader_of(three);
	read_skip(&r, SIZE_MAX);
	assert_false(reader_ok(&r));
	alone_free(three);
}

static void a_reader_of_nothing_is_done(void **state)
{
	struct reader r = reader_of(BYTES_EMPTY);

	(void)state;
	assert_true(reader_done(&r));
	assert_int_equal(read_rest(&r).size, 0);
	read_skip(&r, 0);
	assert_true(reader_done(&r));
	assert_int_equal(read_u8(&r), 0);
	assert_false(reader_ok(&r));
}

/* The writer. */

static void a_writer_writes_what_a_reader_reads(void **state)
{
	uint8_t room[20];
	struct writer w = writer_of(room, sizeof(room));
	struct reader r;

	(void)state;
	write_u8(&w, 1);
	write_u16(&w, 0x0203);
	write_u32(&w, 0x04050607);
	write_u64(&w, 0x08090a0b0c0d0e0f);
	write_bytes(&w, BYTES("\x10\x11", 2));
	write_zeros(&w, 2);
	write_bytes(&w, BYTES_EMPTY);
	*write_room(&w, 1) = 0x12;
	assert_true(writer_ok(&w));
	assert_int_equal(w.used, sizeof(room));

	r = reader_of(writer_bytes(&w));
	assert_true(read_u64(&r) == 0x0102030405060708);
	assert_true(read_u64(&r) == 0x090a0b0c0d0e0f10);
	assert_int_equal(read_u32(&r), 0x11000012);
	assert_true(reader_done(&r));
}

static void a_write_past_the_end_sticks_and_changes_nothing(void **state)
{
	uint8_t *room = malloc(3);
	struct writer w = writer_of(room, 3);

	(void)state;
	write_u16(&w, 0xabcd);
	write_u16(&w, 0xffff);
	assert_false(writer_ok(&w));
	assert_int_equal(w.used, 2);
	write_u8(&w, 1);
	assert_null(write_room(&w, 1));
	write_u16_at(&w, 0, 0);
	assert_int_equal(w.used, 2);
	assert_int_equal(load_u16(room), 0xabcd);

	w = writer_of(room, 3);
	write_zeros(&w, SIZE_MAX);
	assert_false(writer_ok(&w));
	free(room);
}

static void only_what_is_written_can_be_overwritten(void **state)
{
	uint8_t room[8] = { 0 };
	struct writer w = writer_of(room, sizeof(room));

	(void)state;
	write_zeros(&w, 5);
	write_u8_at(&w, 4, 0xff);
	write_u16_at(&w, 4, 0xaaaa);
	write_u32_at(&w, 2, 0xbbbbbbbb);
	write_u8_at(&w, 5, 0xcc);
	write_u32_at(&w, SIZE_MAX, 0xdddddddd);
	write_u32_at(&w, 0, 0x01020304);
	assert_memory_equal(room, "\x01\x02\x03\x04\xff\x00\x00\x00", 8);
}

/* Addresses. */

static void addresses_parse_and_print(void **state)
{
	static const char *const texts[] = { "192.0.2.1", "0.0.0.0", "2001:db8::1",
		"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" };
	static const char *const broken[] = { "", "192.0.2", "192.0.2.256", "1.2.3.4 ", "2001:db8",
		"x" };
	struct address a = { .family = 9 };
	char text[ADDRESS_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
		assert_int_equal(address_parse(broken[i], &a), -EINVAL);
	assert_int_equal(a.family, 9);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(address_parse(texts[i], &a), 0);
		assert_string_equal(address_print(&a, text), texts[i]);
	}
}

static void addresses_come_from_4_or_16_octets(void **state)
{
	uint8_t octets[17] = { 10, 0, 0, 1 };
	struct address four = address_from(BYTES(octets, 4)), six = address_from(BYTES(octets, 16));
	struct address none = address_from(BYTES(octets, 17));
	struct endpoint here = { four, 500 }, there = { four, 4500 };
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	assert_int_equal(four.family, 4);
	assert_int_equal(six.family, 6);
	assert_int_equal(none.family, 0);
	assert_int_equal(address_from(BYTES_EMPTY).family, 0);
	assert_int_equal(address_bytes(&four).size, 4);
	assert_int_equal(address_bytes(&six).size, 16);
	assert_int_equal(address_bytes(&none).size, 0);
	assert_false(address_equal(&four, &six));
	assert_true(address_is_any(&none));
	assert_false(address_is_any(&four));
	assert_false(endpoint_equal(&here, &there));
	assert_string_equal(endpoint_print(&there, text), "10.0.0.1[4500]");
	there = (struct endpoint){ .address = { .family = 6 }, .port = 65535 };
	memset(there.address.octets, 0xff, 16);
	endpoint_print(&there, text);
	assert_string_equal(text, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff[65535]");
}

/* The arena. */

static void an_arena_gives_zeros_up_to_its_cap(void **state)
{
	static const uint8_t zeros[100];
	struct arena *a = arena_new(10000);
	size_t taken = 0;
	uint8_t *memory;

	(void)state;
	while ((memory = arena_take(a, 100))) {
		assert_int_equal((uintptr_t)memory % 16, 0);
		assert_memory_equal(memory, zeros, 100);
		memset(memory, 0xff, 100);
		taken += 112;
	}
	assert_int_equal(taken, 10000 / 112 * 112);
	assert_int_equal(arena_used(a), taken);
	assert_null(arena_take(a, 100));
	assert_non_null(arena_take(a, 10000 - taken));
	assert_null(arena_take(a, 1));
	arena_free(a);
	arena_free(NULL);
}

static void an_arena_refuses_what_is_too_much(void **state)
{
	struct arena *a = arena_new(100000);
	struct bytes copy;

	(void)state;
	assert_null(arena_take(a, 0));
	assert_null(arena_take(a, SIZE_MAX));
	assert_null(arena_take(a, SIZE_MAX - 15));
	assert_null(arena_take(a, 100001));
	assert_non_null(arena_take(a, 50000));
	assert_non_null(arena_take(a, 1));
	assert_string_equal(arena_text(a, "moon"), "moon");
	copy = arena_copy(a, bytes_of_text("tern"));
	assert_true(bytes_equal(copy, bytes_of_text("tern")));
	assert_null(arena_copy(a, BYTES_EMPTY).data);
	assert_null(arena_take(a, 50000));
	arena_free(a);
}

/* The table. */

static void siphash_gives_its_authors_values(void **state)
{
	uint8_t key[16], data[64];

	(void)state;
	for (uint8_t i = 0; i < 16; i++)
		key[i] = i;
	for (uint8_t i = 0; i < 64; i++)
		data[i] = i;

	/* the first, the paper's example and the last of vectors.h */
	assert_true(siphash(key, BYTES_EMPTY) == 0x726fdb47dd0e0e31);
	assert_true(siphash(key, BYTES(data, 1)) == 0x74f839c593dc67fd);
	assert_true(siphash(key, BYTES(data, 8)) == 0x93f5f5799a932462);
	assert_true(siphash(key, BYTES(data, 15)) == 0xa129ca6149be45e5);
	assert_true(siphash(key, BYTES(data, 63)) == 0x958a324ceb064572);
}

/* Keys of 0 to 48 octets, one for each number. */
static struct bytes model_key(size_t i, uint8_t out[static 48])
{
	memset(out, (int)(i / 48), 48);
	return BYTES(out, i ? i % 48 + 1 : 0);
}

static void check_iteration(const struct table *t, int *const model[MODEL_SIZE])
{
	uint8_t seen[MODEL_SIZE] = { 0 };
	size_t position = 0, count = 0;
	int *value;

	while ((value = table_next(t, &position))) {
		assert_ptr_equal(model[*value], value);
		assert_int_equal(seen[*value]++, 0);
		count++;
	}
	assert_int_equal(count, table_count(t));
}

static void a_table_does_as_an_array_does(void **state)
{
	static const uint8_t seed[16] = "seed of a table";
	int numbers[MODEL_SIZE], *model[MODEL_SIZE] = { NULL };
	struct table *t = table_new(seed);
	size_t count = 0;
	uint8_t key[48];

	(void)state;
	chance = 0x7461626c65;
	for (int i = 0; i < MODEL_SIZE; i++)
		numbers[i] = i;
	for (size_t step = 0; step < MODEL_STEPS; step++) {
		size_t i = next_chance() % MODEL_SIZE;
		bool putting = next_chance() % 100 < (step / 1000 % 2 ? 70 : 30);

		if (putting) {
			assert_int_equal(table_put(t, model_key(i, key), &numbers[i]),
				model[i] ? -EEXIST : 0);
			assert_ptr_equal(
				table_exchange(t, model_key(i, key), &numbers[i]), &numbers[i]);
			count += !model[i];
			model[i] = &numbers[i];
		} else {
			assert_ptr_equal(table_take(t, model_key(i, key)), model[i]);
			count -= model[i] != NULL;
			model[i] = NULL;
		}
		i = next_chance() % MODEL_SIZE;
		assert_ptr_equal(table_find(t, model_key(i, key)), model[i]);
		assert_int_equal(table_count(t), count);
		if (step % 1000 == 0)
			check_iteration(t, model);
	}
	table_free(t);
}

static void an_empty_table_has_nothing(void **state)
{
	static const uint8_t seed[16];
	struct table *t = table_new(seed);
	size_t position = 0;

	(void)state;
	assert_null(table_find(t, bytes_of_text("x")));
	assert_null(table_take(t, bytes_of_text("x")));
	assert_null(table_exchange(t, bytes_of_text("x"), &position));
	assert_null(table_next(t, &position));
	assert_int_equal(table_count(t), 0);
	table_free(t);
	table_free(NULL);
}

/* Fellows. */

#define FELLOW_KEYS 7

struct member {
	struct fellow fellow;
	unsigned order; /* of joining; 0: out */
};

static void check_fellows(const struct table *t, struct member members[MODEL_SIZE])
{
	uint8_t octets[48];

	for (size_t k = 0; k < FELLOW_KEYS; k++) {
		unsigned last = UINT_MAX;
		size_t count = 0;

		for (const struct fellow *f = fellows_first(t, model_key(k, octets)); f;
			f = f->next) {
			const struct member *m = f->of;

			assert_int_equal((size_t)(m - members) % FELLOW_KEYS, k);
			assert_true(m->order && m->order < last);
			last = m->order;
			count++;
		}
		for (size_t i = k; i < MODEL_SIZE; i += FELLOW_KEYS)
			count -= members[i].order != 0;
		assert_int_equal(count, 0);
	}
}

static void fellows_are_the_newest_first_and_leave_from_anywhere(void **state)
{
	static const uint8_t seed[16] = "seed of fellows";
	struct member members[MODEL_SIZE] = { 0 };
	struct table *t = table_new(seed);
	uint8_t octets[48];

	(void)state;
	chance = 0x66656c6c6f77;
	for (unsigned step = 1; step < 5000; step++) {
		size_t i = next_chance() % MODEL_SIZE;
		struct bytes key = model_key(i % FELLOW_KEYS, octets);
		struct member *m = &members[i];

		if (m->order || next_chance() % 2) {
			fellows_remove(t, key, &m->fellow); /* also where it isn't in */
			m->order = 0;
		} else {
			assert_int_equal(fellows_add(t, key, &m->fellow, m), 0);
			m->order = step;
		}
		if (step % 50 == 0)
			check_fellows(t, members);
	}
	table_free(t);
}

/* Timers. */

static void check_earliest(struct timers *t, const struct timer timers[MODEL_SIZE])
{
	ike_time earliest = IKE_TIME_NEVER;
	size_t count = 0;

	for (size_t i = 0; i < MODEL_SIZE; i++) {
		if (!timer_is_set(&timers[i]))
			continue;
		assert_ptr_equal(t->heap[timers[i].position - 1], &timers[i]);
		if (timers[i].due < earliest)
			earliest = timers[i].due;
		count++;
	}
	assert_int_equal(count, t->count);
	assert_true(timers_next(t) == earliest);
}

static void timers_come_due_in_order(void **state)
{
	static struct timer timers[MODEL_SIZE];
	struct timers t = { 0 };
	struct timer *due;
	ike_time last = 0;

	(void)state;
	chance = 0x74696d6572;
	for (size_t step = 0; step < MODEL_STEPS / 10; step++) {
		struct timer *timer = &timers[next_chance() % MODEL_SIZE];

		switch (next_chance() % 8) {
		case 0:
			timer_clear(&t, timer);
			break;
		case 1:
			timer_set(&t, timer, IKE_TIME_NEVER);
			break;
		case 2:
			due = timers_take_due(&t, 500);
			assert_true(!due || (due->due <= 500 && !timer_is_set(due)));
			break;
		default:
			timer_set(&t, timer, next_chance() % 1000);
		}
		check_earliest(&t, timers);
	}

	assert_null(timers_take_due(&t, timers_next(&t) - 1));
	while ((due = timers_take_due(&t, 1000))) {
		assert_true(due->due >= last);
		last = due->due;
	}
	assert_int_equal(t.count, 0);
	assert_true(timers_next(&t) == IKE_TIME_NEVER);
	timers_free(&t);
}

/* Secrets and randomness. */

static void secrets_compare_and_are_wiped(void **state)
{
	static const uint8_t zeros[SECRET_BYTES_MAX];
	uint8_t longest[SECRET_BYTES_MAX];
	struct secret a = { 0 }, b = { 0 };

	(void)state;
	memset(longest, 7, sizeof(longest));
	secret_set(&a, BYTES_OF(longest));
	assert_false(secret_equal(&a, &b));
	secret_set(&b, secret_bytes(&a));
	assert_true(secret_equal(&a, &b));
	secret_wipe(&a);
	assert_int_equal(a.size, 0);
	assert_memory_equal(a.data, zeros, sizeof(zeros));
	secret_set(&b, BYTES_EMPTY);
	assert_true(secret_equal(&a, &b));
}

static void count_up(void *context, uint8_t *out, size_t size)
{
	uint8_t *next = context;

	while (size--)
		*out++ = (*next)++;
}

static void random_numbers_stay_below(void **state)
{
	uint8_t next = 0;
	struct random_source source = { .fill = count_up, .context = &next };

	(void)state;
	for (uint64_t below = 1; below < 100; below++)
		assert_true(random_below(&source, below) < below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_compare_by_content_then_size),
		cmocka_unit_test(bytes_are_copied_and_wiped),
		cmocka_unit_test(hexadecimal_goes_both_ways),
		cmocka_unit_test(a_reader_reads_big_endian_to_the_end),
		cmocka_unit_test(a_read_past_the_end_sticks_and_gives_zeros),
		cmocka_unit_test(a_reader_of_nothing_is_done),
		cmocka_unit_test(a_writer_writes_what_a_reader_reads),
		cmocka_unit_test(a_write_past_the_end_sticks_and_changes_nothing),
		cmocka_unit_test(only_what_is_written_can_be_overwritten),
		cmocka_unit_test(addresses_parse_and_print),
		cmocka_unit_test(addresses_come_from_4_or_16_octets),
		cmocka_unit_test(an_arena_gives_zeros_up_to_its_cap),
		cmocka_unit_test(an_arena_refuses_what_is_too_much),
		cmocka_unit_test(siphash_gives_its_authors_values),
		cmocka_unit_test(a_table_does_as_an_array_does),
		cmocka_unit_test(an_empty_table_has_nothing),
		cmocka_unit_test(fellows_are_the_newest_first_and_leave_from_anywhere),
		cmocka_unit_test(timers_come_due_in_order),
		cmocka_unit_test(secrets_compare_and_are_wiped),
		cmocka_unit_test(random_numbers_stay_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
