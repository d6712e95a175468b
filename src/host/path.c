/* Where to send from and to. Names are resolved first, anew for each question. Then the remote
 * addresses, with all that names among them stand for, are tried from the one whose turn it is, by
 * the number of the attempt, until there is a way to one. The source is the kernel's choice where
 * local_addrs allows it, else the first of this host's addresses that they allow and that has a
 * route. */
#include "host/path.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "host/sockaddr.h"

#define ADDRESSES_MAX   256
#define LOCAL_NAMED_MAX 16
#define REMOTE_MAX      64

struct path_request {
	struct path_finder *finder;
	struct ike_question *question; /* our copy */
	uv_getaddrinfo_t resolution;
	struct host_pattern gateway; /* in the place of remote_addrs, by its text `name` */
	char name[GATEWAY_TEXT_MAX];
	size_t next_local, next; /* indices into local_addrs and remote_addrs */
	size_t named_count;
	struct address named[LOCAL_NAMED_MAX]; /* what the names in local_addrs stand for */
	size_t remote_count;
	struct address remote[REMOTE_MAX]; /* what may be tried, in order */
	char reason[IKE_REASON_TEXT_MAX];
};

static void path_step(struct path_request *r);

static void request_end(struct path_request *r, const struct ike_answer *answer)
{
	struct path_finder *f = r->finder;

	if (!f->stopped)
		f->answered(f->context, answer);
	f->active--;
	ike_question_free(r->question);
	free(r);
}

static void request_fail(struct path_request *r)
{
	struct ike_answer no = { .id = r->question->id, .status = IKE_ANSWER_NO };

	snprintf(no.reason, sizeof(no.reason), "%s", r->reason);
	request_end(r, &no);
}

/* Choosing the source. */

static bool local_allows(const struct path_request *r, const struct address *a)
{
	const struct host_list *list = &r->question->connection->local_addrs;

	for (size_t i = 0; i < list->count; i++) {
		const struct host_pattern *p = &list->list[i];

		if (p->kind == HOST_ANY)
			return true;
		if (p->kind != HOST_NAME && p->first.family == a->family &&
			address_compare(&p->first, a) <= 0 && address_compare(a, &p->last) <= 0)
			return true;
	}
	for (size_t i = 0; i < r->named_count; i++) {
		if (address_equal(&r->named[i], a))
			return true;
	}
	return list->count == 0;
}

static bool find_source(
	struct path_request *r, const struct address *to, struct address *ret_source)
{
	struct path_finder *f = r->finder;
	const struct connection *c = r->question->connection;
	struct netlink_address ours[ADDRESSES_MAX];
	const struct address none = { 0 };
	struct netlink_way way;
	char text[ADDRESS_TEXT_MAX];
	int problem = netlink_lookup(f->netlink, to, &none, f->mark, &way);
	size_t count;

	if (problem == 0 && local_allows(r, &way.source)) {
		*ret_source = way.source;
		return true;
	}

	count = netlink_addresses(f->netlink, ours, ADDRESSES_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct address *from = &ours[i].address;

		if (ours[i].interface != f->interface && from->family == to->family &&
			local_allows(r, from) &&
			netlink_lookup(f->netlink, to, from, f->mark, &way) == 0) {
			*ret_source = *from;
			return true;
		}
	}
	address_print(to, text);
	if (problem)
		snprintf(r->reason, sizeof(r->reason), "no route to %s (%s)", text,
			strerror(-problem));
	else
		snprintf(r->reason, sizeof(r->reason),
			"no address of this host fits local_addrs of %s (%s:%u) for sending to %s",
			c->name, c->where.file ? c->where.file : "?", c->where.line, text);
	return false;
}

static void request_succeed(struct path_request *r, struct ike_answer *yes)
{
	struct path_finder *f = r->finder;
	const struct connection *c = r->question->connection;

	yes->path.local.port =
		c->local_port == f->port_nat_t || c->remote_port == 4500 ? f->port_nat_t : f->port;
	path_others(f, c, yes);
	request_end(r, yes);
}

static void say_unresolved(struct path_request *r, const struct host_pattern *p, int problem)
{
	const struct connection *c = r->question->connection;

	snprintf(r->reason, sizeof(r->reason), "can't resolve %s, an address of %s (%s:%u): %s",
		p->text, c->name, c->where.file ? c->where.file : "?", c->where.line,
		uv_strerror(problem));
}

/* True where the answer comes later. */
static bool resolve(
	struct path_request *r, const struct host_pattern *p, uv_getaddrinfo_cb resolved)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM };
	int problem =
		uv_getaddrinfo(r->finder->loop, &r->resolution, resolved, p->text, NULL, &hints);

	r->resolution.data = r;
	if (problem)
		say_unresolved(r, p, problem);
	return problem == 0;
}

static void on_local_resolved(uv_getaddrinfo_t *resolution, int status, struct addrinfo *list)
{
	struct path_request *r = resolution->data;

	if (status < 0)
		say_unresolved(
			r, &r->question->connection->local_addrs.list[r->next_local - 1], status);
	for (const struct addrinfo *i = list; i && r->named_count < LOCAL_NAMED_MAX; i = i->ai_next)
		r->named[r->named_count++] = endpoint_of_sockaddr(i->ai_addr).address;
	uv_freeaddrinfo(list);
	path_step(r);
}

static void remote_add(struct path_request *r, const struct address *a)
{
	for (size_t i = 0; i < r->remote_count; i++) {
		if (address_equal(&r->remote[i], a))
			return;
	}
	if (r->remote_count < REMOTE_MAX)
		r->remote[r->remote_count++] = *a;
}

/* Where a redirect leads, else what is configured. */
static struct host_list remotes_of(const struct path_request *r)
{
	if (r->question->gateway.type != GATEWAY_NONE)
		return (struct host_list){ 1, &r->gateway };
	return r->question->connection->remote_addrs;
}

static void on_remote_resolved(uv_getaddrinfo_t *resolution, int status, struct addrinfo *list)
{
	struct path_request *r = resolution->data;

	if (status < 0)
		say_unresolved(r, &remotes_of(r).list[r->next - 1], status);
	for (const struct addrinfo *i = list; i; i = i->ai_next) {
		struct endpoint e = endpoint_of_sockaddr(i->ai_addr);

		remote_add(r, &e.address);
	}
	uv_freeaddrinfo(list);
	path_step(r);
}

/* From the one whose turn it is, once around. The reason that the last one can't be reached stays where
 * all can't. */
static void request_choose(struct path_request *r)
{
	const struct ike_question *q = r->question;
	struct ike_answer yes = { .id = q->id, .status = IKE_ANSWER_OK };

	for (size_t i = 0; !r->finder->stopped && i < r->remote_count; i++) {
		const struct address *to = &r->remote[(q->attempt + i) % r->remote_count];
		struct address source;

		if (!find_source(r, to, &source) || yes.remote_count++)
			continue;
		yes.path.local.address = source;
		yes.path.remote = (struct endpoint){ *to, q->connection->remote_port };
		yes.attempt = q->attempt + (uint32_t)i;
	}
	if (yes.remote_count)
		request_succeed(r, &yes);
	else
		request_fail(r);
}

/* Goes on with the next name or address until all are known. */
static void path_step(struct path_request *r)
{
	const struct host_list *local = &r->question->connection->local_addrs;
	const struct host_list remote = remotes_of(r);

	while (!r->finder->stopped && r->next_local < local->count) {
		const struct host_pattern *p = &local->list[r->next_local++];

		if (p->kind == HOST_NAME && resolve(r, p, on_local_resolved))
			return;
	}
	while (!r->finder->stopped && r->next < remote.count) {
		const struct host_pattern *p = &remote.list[r->next++];

		if (p->kind == HOST_ADDRESS)
			remote_add(r, &p->first);
		if (p->kind == HOST_NAME && resolve(r, p, on_remote_resolved))
			return;
	}
	request_choose(r);
}

void path_ask(struct path_finder *f, const struct ike_question *question)
{
	const struct connection *c = question->connection;
	struct path_request *r;
	struct ike_question *copy;

	if (question->current) {
		path_ask_current(f, question);
		return;
	}
	r = calloc(1, sizeof(*r));
	copy = r ? ike_question_copy(question) : NULL;
	if (!copy) {
		struct ike_answer no = {
			.id = question->id, .status = IKE_ANSWER_NO, .reason = "out of memory"
		};

		free(r);
		f->answered(f->context, &no);
		return;
	}
	*r = (struct path_request){ .finder = f, .question = copy };
	r->gateway = (struct host_pattern){ .kind = HOST_NAME,
		.text = gateway_print(&copy->gateway, r->name) };
	if (gateway_address(&copy->gateway, &r->gateway.first))
		r->gateway.kind = HOST_ADDRESS;
	snprintf(r->reason, sizeof(r->reason),
		"remote_addrs of %s (%s:%u) names no single address: it can only be answered, not initiated",
		c->name, c->where.file ? c->where.file : "?", c->where.line);
	f->active++;
	path_step(r);
}
