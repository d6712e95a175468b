/* Numbers for marks and interfaces that are to be unique: counted from 1 on, separately. */
#include "ike/marks.h"

#include "ike/sa.h"
#include "ike/trap.h"

/* One pair of directions. `shared` is the number that both have (0: not chosen yet), `last` the counter. */
static uint32_t number_of(const struct conf_mark *m, uint32_t *shared, uint32_t *last)
{
	switch (m->kind) {
	case CONF_MARK_UNIQUE:
		if (!*shared)
			*shared = ++*last;
		return *shared;
	case CONF_MARK_UNIQUE_DIR:
		return ++*last;
	default:
		return m->value;
	}
}

static bool is_unique(const struct conf_mark *m)
{
	return m->kind == CONF_MARK_UNIQUE || m->kind == CONF_MARK_UNIQUE_DIR;
}

static bool is_own(const struct conf_mark *if_id)
{
	return if_id->kind != CONF_MARK_FIXED || if_id->value;
}

static struct child_mark set_mark(const struct conf_mark *m, uint32_t same)
{
	return (struct child_mark){ (m->kind == CONF_MARK_SAME ? same : m->value) & m->mask,
		m->mask };
}

/* All but the interfaces' IDs. */
static struct child_marks marks_fresh(struct ike_engine *e, const struct conf_marks *c)
{
	struct child_marks m = { .in_sa = c->in_sa };
	uint32_t shared = 0;

	m.in.mask = c->in.mask;
	m.out.mask = c->out.mask;
	m.in.value = number_of(&c->in, &shared, &e->last_mark);
	m.out.value = number_of(&c->out, &shared, &e->last_mark);
	m.set_in = set_mark(&c->set_in, m.in.value);
	m.set_out = set_mark(&c->set_out, m.out.value);
	return m;
}

/* The IKE SA's are numbered with the first child that needs them. */
static void if_ids_of_sa(struct ike_sa *sa)
{
	const struct connection *c = sa->connection;
	uint32_t shared = 0;

	if (sa->if_id_in || sa->if_id_out)
		return;
	sa->if_id_in = number_of(&c->if_id_in, &shared, &sa->engine->last_if_id);
	sa->if_id_out = number_of(&c->if_id_out, &shared, &sa->engine->last_if_id);
}

struct child_marks marks_of_child(struct ike_sa *sa, const struct child_config *config)
{
	const struct child_marks *trapped = trap_marks(sa, config);
	const struct conf_marks *c = &config->marks;
	struct child_marks m;
	uint32_t shared = 0;

	if_ids_of_sa(sa);
	if (trapped)
		return *trapped;
	m = marks_fresh(sa->engine, c);
	m.if_id_in = is_own(&c->if_id_in)
		? number_of(&c->if_id_in, &shared, &sa->engine->last_if_id)
		: sa->if_id_in;
	m.if_id_out = is_own(&c->if_id_out)
		? number_of(&c->if_id_out, &shared, &sa->engine->last_if_id)
		: sa->if_id_out;
	return m;
}

/* What is unique stays what it was. */
static void marks_keep(struct child_marks *m, const struct conf_marks *c,
	const struct conf_mark *in, const struct conf_mark *out, const struct child_marks *before)
{
	if (is_unique(&c->in) && before->in.value)
		m->in.value = before->in.value;
	if (is_unique(&c->out) && before->out.value)
		m->out.value = before->out.value;
	if (is_unique(in) && before->if_id_in)
		m->if_id_in = before->if_id_in;
	if (is_unique(out) && before->if_id_out)
		m->if_id_out = before->if_id_out;
	m->set_in = set_mark(&c->set_in, m->in.value);
	m->set_out = set_mark(&c->set_out, m->out.value);
}

struct child_marks marks_of_trap(struct ike_engine *e, const struct connection *connection,
	const struct child_config *config, const struct child_marks *before)
{
	const struct conf_marks *c = &config->marks;
	const struct conf_mark *in = is_own(&c->if_id_in) ? &c->if_id_in : &connection->if_id_in;
	const struct conf_mark *out =
		is_own(&c->if_id_out) ? &c->if_id_out : &connection->if_id_out;
	struct child_marks m = marks_fresh(e, c);
	uint32_t shared = 0;

	m.if_id_in = number_of(in, &shared, &e->last_if_id);
	m.if_id_out = number_of(out, &shared, &e->last_if_id);
	marks_keep(&m, c, in, out, before);
	return m;
}
