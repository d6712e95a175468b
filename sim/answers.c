/* Answers to the questions of a host's engine: those that take work are answered late, with no, or
 * never where the faults say so. */
#include "sim/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define WALL_CLOCK 1800000000 /* for certificates */

static void give(struct host *h, const struct ike_answer *answer)
{
	host_enter(h);
	ike_answer(h->engine, host_now(h), answer);
	memory_leave();
	host_drain(h);
}

static bool allowed(const struct connection *c, const struct address *a)
{
	for (size_t i = 0; i < c->local_addrs.count; i++) {
		const struct host_pattern *p = &c->local_addrs.list[i];

		if (p->kind == HOST_ANY)
			return true;
		if (p->kind != HOST_NAME && p->first.family == a->family &&
			address_compare(&p->first, a) <= 0 && address_compare(a, &p->last) <= 0)
			return true;
	}
	return c->local_addrs.count == 0;
}

static const struct address *source_for(
	const struct host *h, const struct connection *c, const struct address *to)
{
	for (size_t i = 0; i < h->address_count; i++)
		if (h->addresses[i].family == to->family && allowed(c, &h->addresses[i]))
			return &h->addresses[i];

	return NULL;
}

static size_t resolve(const struct world *w, const char *name,
	struct address ret[IKE_ADDRESSES_MAX], size_t count)
{
	for (size_t i = 0; i < w->name_count; i++)
		if (strcmp(w->names[i].name, name) == 0 && count < IKE_ADDRESSES_MAX)
			ret[count++] = w->names[i].address;
	return count;
}

/* All that remote_addrs, or where a redirect leads, stand for now, names resolved. */
static size_t remotes(const struct host *h, const struct ike_question *q, struct address *ret)
{
	const struct host_list *list = &q->connection->remote_addrs;
	char name[GATEWAY_TEXT_MAX];
	size_t count = 0;

	if (gateway_address(&q->gateway, &ret[0]))
		return 1;
	if (q->gateway.type != GATEWAY_NONE)
		return resolve(h->world, gateway_print(&q->gateway, name), ret, 0);
	for (size_t i = 0; i < list->count; i++) {
		const struct host_pattern *p = &list->list[i];

		if (p->kind == HOST_ADDRESS && count < IKE_ADDRESSES_MAX)
			ret[count++] = p->first;
		if (p->kind == HOST_NAME)
			count = resolve(h->world, p->text, ret, count);
	}
	return count;
}

/* Our other addresses, as the peer may be told. */
static void other_addresses(
	const struct host *h, const struct connection *c, struct ike_answer *answer)
{
	for (size_t i = 0; i < h->address_count; i++)
		if (allowed(c, &h->addresses[i]) &&
			!address_equal(&h->addresses[i], &answer->path.local.address))
			answer->addresses[answer->address_count++] = h->addresses[i];
}

static bool path_to(const struct host *h, const struct ike_question *q, const struct address *to,
	struct ike_answer *answer)
{
	const struct connection *c = q->connection;
	const struct address *source = source_for(h, c, to);

	if (!source)
		return false;
	answer->path.local = (struct endpoint){ *source, c->local_port };
	answer->path.remote = (struct endpoint){ *to, c->remote_port };
	if (q->current) {
		answer->path.local.port = q->current->local.port;
		answer->path.remote.port = q->current->remote.port;
	}
	return true;
}

/* The path of an SA that stands: as it is where that is still possible. */
static bool path_of_sa(
	const struct host *h, const struct ike_question *q, struct ike_answer *answer)
{
	if (host_has_address(h, &q->current->local.address)) {
		answer->path = *q->current;
		return true;
	}
	if (path_to(h, q, &q->current->remote.address, answer))
		return true;
	for (size_t i = 0; i < q->peer_count; i++)
		if (path_to(h, q, &q->peers[i], answer))
			return true;

	return false;
}

static bool path_of_connection(
	const struct host *h, const struct ike_question *q, struct ike_answer *answer)
{
	struct address to[IKE_ADDRESSES_MAX];
	size_t count = remotes(h, q, to);

	for (size_t i = count; i-- > 0;) {
		if (!path_to(h, q, &to[(q->attempt + i) % count], answer))
			continue;
		answer->attempt = q->attempt + (uint32_t)i;
		answer->remote_count++;
	}
	return answer->remote_count;
}

static void answer_path(struct host *h, const struct ike_question *q)
{
	struct ike_answer a = { .id = q->id };

	if (q->current ? path_of_sa(h, q, &a) : path_of_connection(h, q, &a)) {
		other_addresses(h, q->connection, &a);
	} else {
		a.status = IKE_ANSWER_NO;
		snprintf(a.reason, sizeof(a.reason),
			"no remote address with a source of this host that local_addrs allow");
	}
	give(h, &a);
}

static void answer_now(struct host *h, const struct sim_answer *pending)
{
	const struct ike_question *q = pending->question;
	struct ike_answer a = { .id = q->id };

	if (pending->no) {
		a.status = IKE_ANSWER_NO;
		snprintf(a.reason, sizeof(a.reason), "the world says no");
		give(h, &a);
		return;
	}
	switch (q->kind) {
	case IKE_ASK_PATH:
		answer_path(h, q);
		return;
	case IKE_ASK_SPI:
		a.spi = plane_spi(h);
		give(h, &a);
		return;
	default:
		keys_answer(h->keys, h->crypto, q, WALL_CLOCK, &a);
		give(h, &a);
		a.private = NULL; /* the engine's now */
		keys_answer_clear(&a);
	}
}

static bool is_slow(const struct ike_question *q)
{
	return q->kind != IKE_ASK_SPI;
}

/* What the plane knows it says at once. */
bool host_answer_uses(struct host *h)
{
	size_t count = h->use_count;
	struct sim_use uses[HOST_CHILDREN_MAX];

	memcpy(uses, h->uses, count * sizeof(uses[0]));
	h->use_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct ike_answer a = { .id = uses[i].id };

		plane_use(h, uses[i].child_id, &a.in_at, &a.out_at);
		give(h, &a);
	}
	return count > 0;
}

static void ask_use(struct host *h, const struct ike_question *q)
{
	if (h->use_count == HOST_CHILDREN_MAX)
		world_die("too many questions to a plane");
	h->uses[h->use_count++] = (struct sim_use){ q->id, q->child_id };
}

static void ask_slow(struct host *h, const struct ike_question *q)
{
	const struct network_faults *f = &h->world->faults;
	struct sim_answer *a = malloc(sizeof(*a)), **link = &h->answers;

	if (!a)
		abort();
	*a = (struct sim_answer){ .due = h->world->now + f->answer_delay_ns,
		.question = ike_question_copy(q) };
	if (f->answer_jitter_ns)
		a->due += stream_random(&h->fault_state, f->answer_jitter_ns);
	if (is_slow(q)) {
		a->never = stream_chance(&h->fault_state, f->answer_never_percent);
		a->no = stream_chance(&h->fault_state, f->answer_no_percent);
	}
	while (*link && (*link)->due <= a->due)
		link = &(*link)->next;
	a->next = *link;
	*link = a;
}

void host_ask(struct host *h, const struct ike_question *q)
{
	if (q->kind == IKE_ASK_USE)
		ask_use(h, q);
	else
		ask_slow(h, q);
}

static void answer_free(struct sim_answer *a)
{
	ike_question_free(a->question);
	free(a);
}

bool host_answer_step(struct host *h)
{
	for (struct sim_answer **link = &h->answers; *link; link = &(*link)->next) {
		struct sim_answer *a = *link;

		if (a->due > h->world->now)
			return false;
		if (a->never)
			continue;
		*link = a->next;
		answer_now(h, a);
		answer_free(a);
		return true;
	}
	return false;
}

void host_answers_clear(struct host *h)
{
	h->use_count = 0;
	while (h->answers) {
		struct sim_answer *a = h->answers;

		h->answers = a->next;
		answer_free(a);
	}
}
