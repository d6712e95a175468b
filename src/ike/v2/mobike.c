/* MOBIKE, RFC 4555. In IKE_AUTH both say that they speak it and where else they are. Later one
 * INFORMATIONAL exchange serves for three things: the initiator moves the SAs to the addresses that it
 * is sent from and to (UPDATE_SA_ADDRESSES), either side says where else it is, and either side sees
 * whether the other is at an address that it claims (COOKIE2). */
#include "ike/v2/mobike.h"

#include "ike/nat.h"

#define COOKIE2_BYTES_MIN 8
#define COOKIE2_BYTES_MAX 64
#define COOKIE2_BYTES     16
#define NO_NATS_BYTES_MAX 36
#define RETRY_NS          NS_PER_SECOND

struct addresses_data {
	uint8_t cookie[COOKIE2_BYTES];
	bool cookie_sent;
};

/* Addresses. */

static bool usable(const struct address *a)
{
	static const uint8_t v4_mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
	const uint8_t *o = a->octets;

	if (address_is_any(a))
		return false;
	if (a->family == 4)
		return o[0] != 0 && o[0] != 127 && o[0] < 224 && !(o[0] == 169 && o[1] == 254);
	return a->family == 6 && o[0] != 0xff && !(o[0] == 0xfe && (o[1] & 0xc0) == 0x80) &&
		memcmp(o, v4_mapped, sizeof(v4_mapped)) != 0 &&
		memcmp(o, (const uint8_t[16]){ [15] = 1 }, 16) != 0;
}

static void put_own(struct exchange *x, bool say_none)
{
	const struct mobility *m = &x->sa->mobility;
	bool some = false;

	for (size_t i = 0; i < m->own_count; i++) {
		const struct address *a = &m->own[i];

		if (address_equal(a, &x->path.local.address) || !usable(a))
			continue;
		exchange_notify(x, a->family == 4 ? ADDITIONAL_IP4_ADDRESS : ADDITIONAL_IP6_ADDRESS,
			address_bytes(a));
		some = true;
	}
	if (!some && say_none)
		exchange_notify(x, NO_ADDITIONAL_ADDRESSES, BYTES_EMPTY);
}

static void peer_add(struct ike_sa *sa, const struct address *a)
{
	struct mobility *m = &sa->mobility;
	uint32_t max = sa->engine->options.peer_addresses_max;

	if (!usable(a) || m->peer_count >= max || m->peer_count >= IKE_ADDRESSES_MAX)
		return;
	for (size_t i = 0; i < m->peer_count; i++)
		if (address_equal(&m->peer[i], a))
			return;
	m->peer[m->peer_count++] = *a;
}

/* The whole list replaces the one before, §3.6. Returns false where the message has none. */
static bool take_peers(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct payload *p;
	struct notify n;
	bool found = chain_notify(exchange_in(x), NO_ADDITIONAL_ADDRESSES, &n) ||
		chain_notify(exchange_in(x), ADDITIONAL_IP4_ADDRESS, &n) ||
		chain_notify(exchange_in(x), ADDITIONAL_IP6_ADDRESS, &n);

	if (!found)
		return false;
	sa->mobility.peer_count = 0;
	bytes_wipe(sa->mobility.peer, sizeof(sa->mobility.peer));
	peer_add(sa, &x->in->path.remote.address);
	for (size_t i = 0; (p = chain_find(exchange_in(x), PAYLOAD_NOTIFY, i)); i++) {
		struct address a;

		if (!notify_decode(p->body, &n) ||
			(n.type != ADDITIONAL_IP4_ADDRESS && n.type != ADDITIONAL_IP6_ADDRESS))
			continue;
		a = address_from(n.data);
		if (a.family == (n.type == ADDITIONAL_IP4_ADDRESS ? 4 : 6))
			peer_add(sa, &a);
	}
	return true;
}

/* NO_NATS_ALLOWED, §3.9 and §4.2.6. */

static struct bytes no_nats(const struct endpoint *from, const struct endpoint *to,
	uint8_t out[static NO_NATS_BYTES_MAX])
{
	struct writer w = writer_of(out, NO_NATS_BYTES_MAX);

	write_bytes(&w, address_bytes(&from->address));
	write_bytes(&w, address_bytes(&to->address));
	write_u16(&w, from->port);
	write_u16(&w, to->port);
	return writer_bytes(&w);
}

static void put_no_nats(struct exchange *x)
{
	uint8_t data[NO_NATS_BYTES_MAX];

	if (!x->sa->mobility.peer_nat_t)
		exchange_notify(x, NO_NATS_ALLOWED, no_nats(&x->path.local, &x->path.remote, data));
}

/* True where the peer allows no NAT and there is one. */
static bool nat_forbidden(const struct exchange *x)
{
	const struct ike_path *path = &x->in->path;
	uint8_t data[NO_NATS_BYTES_MAX];
	struct notify n;

	return chain_notify(exchange_in(x), NO_NATS_ALLOWED, &n) &&
		!bytes_equal(n.data, no_nats(&path->remote, &path->local, data));
}

/* IKE_AUTH, §3.2 and §3.4. */

void mobike_put_auth(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	if (!sa->connection->mobike || (!x->initiator && !sa->mobility.mobike))
		return;
	exchange_notify(x, MOBIKE_SUPPORTED, BYTES_EMPTY);
	put_own(x, false);
	if (x->initiator)
		put_no_nats(x);
}

void mobike_read_auth(struct exchange *x)
{
	struct mobility *m = &x->sa->mobility;
	struct notify n;

	m->mobike = x->sa->connection->mobike && chain_notify(exchange_in(x), MOBIKE_SUPPORTED, &n);
	if (!m->mobike)
		return;
	take_peers(x);
	if (x->initiator && !m->own_count)
		path_look_again(x->sa); /* it began on a path that was known, so nobody asked */
}

enum step mobike_auth(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	const struct ike_answer *answer = exchange_take_answer(x);

	if (!sa->mobility.mobike)
		return STEP_NEXT;
	if (nat_forbidden(x)) {
		x->reject.doom = true;
		return exchange_reject(x, UNEXPECTED_NAT_DETECTED,
			"UNEXPECTED_NAT_DETECTED: the peer allows no NAT, and its addresses were changed on the way");
	}
	if (!answer)
		return exchange_ask(x,
			&(struct ike_question){ .kind = IKE_ASK_PATH,
				.connection = sa->connection,
				.current = &sa->path });
	if (answer->status == IKE_ANSWER_OK &&
		address_equal(&answer->path.local.address, &sa->path.local.address))
		path_take_own(sa, answer);
	return STEP_NEXT;
}

/* The exchange that we begin. */

static void put_cookie(struct exchange *x)
{
	struct addresses_data *d = x->data;

	if (!x->engine->options.return_routability && x->intent->kind != INTENT_VERIFY_PATH)
		return;
	random_fill(&x->engine->options.random, d->cookie, sizeof(d->cookie));
	d->cookie_sent = true;
	exchange_notify(x, COOKIE2, BYTES_OF(d->cookie));
}

static enum step build(struct exchange *x)
{
	struct mobility *m = &x->sa->mobility;

	if (!m->mobike || (x->intent->kind == INTENT_VERIFY_PATH && !m->verifying))
		return STEP_END;
	if (x->intent->kind == INTENT_UPDATE_ADDRESSES) {
		exchange_notify(x, UPDATE_SA_ADDRESSES, BYTES_EMPTY);
		if (m->peer_nat_t)
			nat_notify(x);
	}
	if (x->intent->kind != INTENT_VERIFY_PATH) {
		put_own(x, true);
		put_no_nats(x);
	}
	put_cookie(x);
	return STEP_NEXT;
}

/* §3.7: who sends back another value has not seen our request. */
static bool cookie_returned(struct exchange *x)
{
	const struct addresses_data *d = x->data;
	struct notify n;

	return chain_notify(exchange_in(x), COOKIE2, &n) &&
		bytes_equal(n.data, BYTES_OF(d->cookie));
}

/* How the peer sees us now, §3.8. Returns false where it doesn't say. */
static bool note_seen(struct exchange *x)
{
	struct mobility *m = &x->sa->mobility;
	struct notify n;

	if (!chain_notify(exchange_in(x), NAT_DETECTION_DESTINATION_IP, &n) ||
		n.data.size != sizeof(m->seen))
		return false;
	memcpy(m->seen, n.data.data, sizeof(m->seen));
	return true;
}

static enum step retry(struct exchange *x, const char *why)
{
	struct intent again = *x->intent;

	if (++again.tries > x->engine->options.retransmit_tries)
		return exchange_reject(x, 0, "the peer did not take our new addresses: %s", why);
	again.next = NULL;
	again.not_before = x->engine->now + RETRY_NS;
	intent_add(x->sa, &again);
	return STEP_END;
}

/* The peer wants another pair of addresses: where the traffic still is, where that is another. */
static enum step refused(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct mobility *m = &sa->mobility;

	if (path_equal(&m->traffic.path, &sa->path))
		return exchange_reject(x, 0,
			"the peer refused our new addresses with UNACCEPTABLE_ADDRESSES; compare its remote_addrs and local_addrs");
	path_move(sa, &m->traffic.path, false);
	intent_add(sa, &(struct intent){ .kind = INTENT_UPDATE_ADDRESSES });
	return STEP_END;
}

static enum step read(struct exchange *x)
{
	const struct addresses_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct mobility *m = &sa->mobility;
	bool several = m->probed || m->moves != m->moves_at;
	uint16_t error;
	struct notify n;

	error = chain_error(exchange_in(x), &n);
	if (d->cookie_sent && !cookie_returned(x) &&
		(!error || chain_notify(exchange_in(x), COOKIE2, &n))) {
		intent_add(sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
		return exchange_reject(x, 0,
			"the peer did not return our COOKIE2: the IKE SA is closed (RFC 4555 §3.7)");
	}
	if (several) { /* whoever answered has not shown where it is; and it knows an older state */
		if (x->intent->kind != INTENT_VERIFY_PATH || m->verifying)
			intent_add(sa, &(struct intent){ .kind = x->intent->kind });
		return STEP_END;
	}
	if (error == UNEXPECTED_NAT_DETECTED)
		return retry(x, "UNEXPECTED_NAT_DETECTED");
	if (error == UNACCEPTABLE_ADDRESSES && x->intent->kind == INTENT_UPDATE_ADDRESSES)
		return refused(x);
	if (error)
		return retry(x, "an error");
	m->announcing = false;
	if (x->intent->kind == INTENT_UPDATE_ADDRESSES && note_seen(x))
		nat_detect(x);
	if (x->intent->kind != INTENT_ANNOUNCE_ADDRESSES)
		path_settle(sa);
	return STEP_NEXT;
}

/* The peer and we don't agree on where we are: no better than a peer that is gone. */
static void failed(struct exchange *x, const char *why)
{
	if (x->in && !x->sa->gone && x->intent->kind != INTENT_ANNOUNCE_ADDRESSES)
		intent_add(
			x->sa, &(struct intent){ .kind = INTENT_DELETE_IKE, .end = SA_END_FAILED });
	(void)why;
}

static const struct payload_rule any_payloads[] = { { PAYLOAD_DELETE, 0, 255 },
	{ PAYLOAD_CP, 0, 1 }, { 0 } };
static const struct message_rule request = { "INFORMATIONAL request", any_payloads };
static const struct message_rule response = { "INFORMATIONAL response", any_payloads };

static step_fn *const begins[] = { build, NULL };
static step_fn *const ends[] = { read, NULL };
static const struct round rounds[] = {
	{ NULL, begins, &request },
	{ &response, ends, NULL },
};

const struct exchange_kind addresses_initiator = {
	.name = "INFORMATIONAL",
	.type = INFORMATIONAL,
	.rounds = rounds,
	.round_count = 2,
	.data_size = sizeof(struct addresses_data),
	.failed = failed,
};

/* Liveness, §3.8. */

enum step mobike_put_probe(struct exchange *x)
{
	const struct mobility *m = &x->sa->mobility;

	if (m->mobike && x->sa->original_initiator && m->peer_nat_t)
		nat_notify(x);
	return STEP_NEXT;
}

enum step mobike_read_probe(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct mobility *m = &sa->mobility;
	bool was_local = sa->nat_local, was_remote = sa->nat_remote;
	uint8_t seen[sizeof(m->seen)];

	memcpy(seen, m->seen, sizeof(seen));
	if (!m->mobike || !x->sa->original_initiator || m->probed || m->moves != m->moves_at ||
		!note_seen(x))
		return STEP_NEXT;
	nat_detect(x);
	if (was_local != sa->nat_local || was_remote != sa->nat_remote ||
		(sa->nat_local && memcmp(seen, m->seen, sizeof(seen)) != 0))
		intent_add(sa, &(struct intent){ .kind = INTENT_UPDATE_ADDRESSES });
	return STEP_NEXT;
}

/* The peer's requests. */

static void echo_cookie(struct exchange *x)
{
	struct notify n;

	if (chain_notify(exchange_in(x), COOKIE2, &n) && n.data.size >= COOKIE2_BYTES_MIN &&
		n.data.size <= COOKIE2_BYTES_MAX)
		exchange_notify(x, COOKIE2, n.data);
}

/* Local policy, §3.5. local_addrs says which of our addresses are for this peer. In remote_addrs a
 * subnet or a range says where the peer may be; a single address or a name, only where to find it. */
static bool list_allows(const struct host_list *list, const struct address *a, bool bound_by_one)
{
	bool bound = false;

	for (size_t i = 0; i < list->count; i++) {
		const struct host_pattern *p = &list->list[i];

		if (p->kind == HOST_ANY || p->kind == HOST_NAME)
			return true;
		if (p->first.family == a->family && address_compare(&p->first, a) <= 0 &&
			address_compare(a, &p->last) <= 0)
			return true;
		bound = bound || bound_by_one || p->kind == HOST_RANGE;
	}
	return !bound;
}

static bool path_allowed(const struct ike_sa *sa, const struct ike_path *path)
{
	const struct connection *c = sa->connection;

	return list_allows(&c->local_addrs, &path->local.address, true) &&
		list_allows(&c->remote_addrs, &path->remote.address, false);
}

bool mobike_request(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct notify n;
	bool update;

	echo_cookie(x);
	if (!sa->mobility.mobike)
		return false;
	if (nat_forbidden(x)) {
		exchange_notify(x, UNEXPECTED_NAT_DETECTED, BYTES_EMPTY);
		return false;
	}
	update = !sa->original_initiator && chain_notify(exchange_in(x), UPDATE_SA_ADDRESSES, &n);
	if (update && !path_allowed(sa, &x->in->path)) {
		char remote[ENDPOINT_TEXT_MAX];

		sa_tell(sa, IKE_EVENT_FAILED, 0,
			"UNACCEPTABLE_ADDRESSES: the peer moved to %s, which local_addrs and remote_addrs of %s (%s:%u) don't allow",
			endpoint_print(&x->in->path.remote, remote), sa_name(sa),
			sa->connection->where.file, sa->connection->where.line);
		exchange_notify(x, UNACCEPTABLE_ADDRESSES, BYTES_EMPTY);
		return false;
	}
	if (chain_notify(exchange_in(x), NAT_DETECTION_DESTINATION_IP, &n))
		nat_notify(x);
	return take_peers(x) || update;
}

/* As responder: follow an update. */
static void follow(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	bool verify = path_must_verify(sa, &x->in->path);
	struct notify n;

	path_move(sa, &x->in->path, verify);
	if (chain_notify(exchange_in(x), NAT_DETECTION_DESTINATION_IP, &n))
		nat_detect(x);
	if (verify)
		intent_add(sa, &(struct intent){ .kind = INTENT_VERIFY_PATH });
	else
		path_settle(sa);
}

/* As initiator: where the responder no longer has the address that we use, it is at the one that it
 * says so from, §3.5. */
static bool still_there(const struct ike_sa *sa)
{
	const struct mobility *m = &sa->mobility;

	for (size_t i = 0; i < m->peer_count; i++)
		if (address_equal(&m->peer[i], &sa->path.remote.address))
			return true;
	return false;
}

void mobike_requested(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct notify n;

	if (!sa->original_initiator && chain_notify(exchange_in(x), UPDATE_SA_ADDRESSES, &n))
		follow(x);
	else if (sa->original_initiator && !still_there(sa) && path_allowed(sa, &x->in->path))
		path_update(sa, &x->in->path);
	else if (sa->original_initiator && !path_equal(&x->in->path, &sa->path))
		intent_add(sa, &(struct intent){ .kind = INTENT_LIVENESS }); /* a hint, §3.5 */
}
