/* Marks and interfaces that are to be unique: who has which, and for how long. */
#include "tests/story/story.h"

#define SEED 61

static const struct story_config unique = {
	.alice_connection = "if_id_in = %unique\nif_id_out = %unique",
	.alice_child = "mark_in = %unique/0xff\nmark_out = %unique/0xff\nset_mark_in = %same/0x0f",
};

/* The one child of the host's one IKE SA. */
static const struct child_spec *the_child(const struct host *h)
{
	struct ike_child_view child = { 0 };
	struct ike_sa_view sa;
	size_t at = 0, below = 0;

	assert_true(ike_next_sa(h->engine, &at, &sa));
	assert_true(ike_next_child(h->engine, sa.id, &below, &child));
	return child.spec;
}

static void assert_marks(struct story *s, const struct child_marks *m, uint32_t number)
{
	STORY_EQUAL(*s, m->in.value, number);
	STORY_EQUAL(*s, m->in.mask, 0xff);
	STORY_EQUAL(*s, m->out.value, number);
	STORY_EQUAL(*s, m->set_in.value, number);
	STORY_EQUAL(*s, m->set_in.mask, 0x0f);
	STORY_EQUAL(*s, m->set_out.mask, 0);
	STORY_EQUAL(*s, m->if_id_in, number);
	STORY_EQUAL(*s, m->if_id_out, number);
}

static void a_child_keeps_its_marks_when_it_is_rekeyed(void **state)
{
	struct story s = story_established(SEED, &unique);
	uint32_t first = the_child(s.alice)->child_id;

	(void)state;
	assert_marks(&s, &the_child(s.alice)->marks, 1);
	STORY_EQUAL(s, the_child(s.bob)->marks.in.mask, 0);
	host_rekey(s.bob, NULL, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	host_rekey(s.alice, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	world_run(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	STORY_TRUE(s, the_child(s.alice)->child_id != first);
	assert_marks(&s, &the_child(s.alice)->marks, 1);
	story_end(&s);
}

static void the_next_one_has_others(void **state)
{
	struct story s = story_established(SEED, &unique);

	(void)state;
	host_terminate(s.alice, "net", NULL);
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_down(&s);
	host_initiate(s.alice, "net");
	world_settle(s.w, 60 * NS_PER_SECOND);
	story_up(&s, 1);
	assert_marks(&s, &the_child(s.alice)->marks, 2);
	story_end(&s);
}

/* What the policies of the trap take, the child that it brings up has to carry. */
static void a_child_has_the_marks_of_its_trap(void **state)
{
	struct story s = story_begin(SEED, &unique, NULL);

	(void)state;
	host_trap(s.alice, "net");
	assert_marks(&s, &s.alice->traps[0].spec.marks, 1);
	for (int i = 0; i < 2; i++) {
		host_packet(s.alice, "10.1.0.5", "10.2.0.7");
		world_settle(s.w, 10 * NS_PER_SECOND);
		story_up(&s, 1);
		assert_marks(&s, &the_child(s.alice)->marks, 1);
		host_terminate(s.alice, "net", NULL);
		world_settle(s.w, 60 * NS_PER_SECOND);
		story_down(&s);
	}
	story_end(&s);
}

static void each_direction_may_have_its_own(void **state)
{
	struct story_config c = { .alice_child = "mark_in = %unique-dir\nmark_out = %unique-dir\n"
						 "if_id_in = %unique-dir\nif_id_out = 9" };
	struct story s = story_established(SEED, &c);
	const struct child_marks *m = &the_child(s.alice)->marks;

	(void)state;
	STORY_EQUAL(s, m->in.value, 1);
	STORY_EQUAL(s, m->out.value, 2);
	STORY_EQUAL(s, m->if_id_in, 1);
	STORY_EQUAL(s, m->if_id_out, 9);
	story_end(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_keeps_its_marks_when_it_is_rekeyed),
		cmocka_unit_test(the_next_one_has_others),
		cmocka_unit_test(a_child_has_the_marks_of_its_trap),
		cmocka_unit_test(each_direction_may_have_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
