/* Which connection and which transform a phase 1 is of, RFC 2409 §5: a responder finds them by
 * addresses, in aggressive mode also by the identity that the peer claims; an initiator sees what was
 * made of its offer. */
#include <stdio.h>

#include "ike/v1/phase1.h"
#include "ike/v2/auth.h"

static enum step take_transform(struct exchange *x, const struct v1_ike_transform *t)
{
	struct v1_phase1_data *d = x->data;
	struct ike_sa *sa = x->sa;

	sa->v1->transform = *t;
	d->ke.group = t->group;
	if (!v1_ike_transform_to_proposal(t, &sa->chosen))
		return exchange_reject(x, 0, "a transform that we don't have was agreed on");
	return STEP_NEXT;
}

/* What a responder looks for: a connection with a transform of the peer's, by its addresses, and in
 * aggressive mode by its identity. */
struct search {
	struct conf_facts facts;
	bool aggressive;
	const struct connection *best;
	const struct connection *refused; /* fits, but shares no transform */
	const struct connection *unasked; /* fits, but is not for aggressive mode */
	unsigned fit;
	struct v1_ike_transform transform;
};

static void consider(struct exchange *x, const struct connection *c, struct search *s)
{
	struct v1_phase1_data *d = x->data;
	struct v1_ike_terms terms = { .connection = c,
		.signer = c == x->sa->connection ? d->signer : 0 };
	unsigned fit = c->version == 2 ? 0 : conf_match(c, &s->facts, NULL, 0);

	if (fit <= s->fit)
		return;
	if (s->aggressive && !c->aggressive) {
		s->unasked = c;
		return;
	}
	if (!v1_choose_ike(exchange_body(x, V1_PAYLOAD_SA), &terms,
		    x->engine->options.prefer_configured_proposals, &d->choice, &s->transform)) {
		s->refused = c;
		return;
	}
	s->fit = fit;
	s->best = c;
}

static size_t methods_print(const struct connection *c, char *out, size_t size)
{
	uint16_t methods[V1_METHODS_MAX];
	size_t count = v1_methods(c, false, methods), used = 0;
	char name[NAME_TEXT_MAX];

	out[0] = '\0';
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(out + used, size - used, "%s%s", i ? " or " : "",
			v1_method_name(methods[i], name));
	return count;
}

static enum step none_chosen(struct exchange *x, const struct connection *refused)
{
	struct where where = where_said(refused->where_proposals, refused->where),
		     auth = where_said(refused->local[0].where_auth, refused->local[0].where);
	char text[REJECT_TEXT_MAX - 320], methods[120];

	v1_explain(
		exchange_body(x, V1_PAYLOAD_SA), &refused->proposals, &where, text, sizeof(text));
	if (!methods_print(refused, methods, sizeof(methods)))
		snprintf(methods, sizeof(methods), "nothing that IKEv1 has");
	return exchange_reject(x, NO_PROPOSAL_CHOSEN,
		"NO_PROPOSAL_CHOSEN for connection %.60s: %s, with authentication by %s (%s:%u)",
		refused->name, text, methods, auth.file, auth.line);
}

static enum step ask_signer(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;
	struct ike_question q = {
		.kind = IKE_ASK_SIGNER, .connection = x->sa->connection, .hash = HASH_SHA1
	};

	d->signer_asked = true;
	auth_set_local_id(x->sa, 0);
	q.local_id = ike_id_payload(&x->sa->local_id);
	return exchange_ask(x, &q);
}

static bool signer_unclear(const struct exchange *x)
{
	const struct v1_phase1_data *d = x->data;

	return !d->signer_asked && v1_signers(x->sa->connection, x->initiator) > 1;
}

static void take_signer(struct exchange *x, const struct ike_answer *answer)
{
	struct v1_phase1_data *d = x->data;

	if (answer && answer->status == IKE_ANSWER_OK)
		d->signer = answer->method;
}

static bool may_use_hash(const struct connection *c, bool initiator)
{
	uint16_t methods[V1_METHODS_MAX];
	size_t count = v1_methods(c, initiator, methods);

	for (size_t i = 0; i < count; i++)
		if (!v1_method_signs(methods[i], initiator))
			return true;

	return false;
}

enum step v1_ask_signer(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);

	take_signer(x, answer);
	if (!answer)
		return signer_unclear(x) ? ask_signer(x) : STEP_NEXT;
	if (answer->status == IKE_ANSWER_OK || may_use_hash(x->sa->connection, x->initiator))
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, 0, "we can't authenticate ourselves: %s", answer->reason);
}

static enum step found(struct exchange *x, const struct search *s)
{
	sa_connect(x->sa, s->best);
	x->sa->state = IKE_CONNECTING;
	if (v1_method_signs(s->transform.method, false) && signer_unclear(x))
		return ask_signer(x);
	return take_transform(x, &s->transform);
}

static void search(struct exchange *x, struct search *s)
{
	/* Without an answer any may do; why none does is told when it comes to signing. */
	take_signer(x, exchange_take_answer(x));
	s->facts.local = x->path.local.address;
	s->facts.remote = x->path.remote.address;
	for (size_t i = 0; i < x->engine->connection_count; i++)
		consider(x, x->engine->connections[i], s);
}

/* The connection whose addresses fit best among those that share a transform. Which one it really is,
 * the identity says. */
enum step v1_choose_proposal(struct exchange *x)
{
	struct search s = { .aggressive = false };

	search(x, &s);
	if (s.best)
		return found(x, &s);
	return s.refused ? none_chosen(x, s.refused) : STEP_DROP;
}

/* Where no connection at these addresses is for aggressive mode, there is silence. */
static enum step not_for_aggressive(struct exchange *x, const struct connection *c)
{
	struct where where = where_said(c->where_aggressive, c->where);

	sa_tell(x->sa, IKE_EVENT_FAILED, 0,
		"dropped a request for aggressive mode from %s, which connection %s (%s:%u) has not: write aggressive = yes there, or let the peer use main mode, which is stronger",
		"the peer", c->name, where.file, where.line);
	return STEP_DROP;
}

enum step v1_choose_named(struct exchange *x)
{
	struct id_payload id = ike_id_payload(&x->sa->remote_id);
	struct search s = { .aggressive = true, .facts.remote_id = &id },
		      anybody = { .aggressive = true };
	char text[200], why[300] = "none fits";

	search(x, &s);
	if (s.best)
		return found(x, &s);
	if (s.refused)
		return none_chosen(x, s.refused);
	search(x, &anybody);
	if (!anybody.best && !anybody.refused)
		return anybody.unasked ? not_for_aggressive(x, anybody.unasked) : STEP_DROP;
	conf_match(anybody.best ? anybody.best : anybody.refused, &s.facts, why, sizeof(why));
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: no connection with aggressive mode for the peer %s: %s",
		id_print(&id, text, sizeof(text)), why);
}

void v1_put_answer(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	v1_answer_encode(exchange_payload(x, V1_PAYLOAD_SA), &d->choice, d->choice.spi);
	exchange_payload_end(x);
}

enum step v1_nothing_to_offer(struct exchange *x)
{
	const struct connection *c = x->sa->connection;
	struct where where = where_said(c->where_proposals, c->where),
		     auth = where_said(c->local[0].where_auth, c->local[0].where);
	char methods[120];

	x->reject.doom = true;
	if (methods_print(c, methods, sizeof(methods)))
		return exchange_reject(x, 0,
			"connection %s: IKEv1 has no word for any of its proposals: name one like aes128-sha256-modp2048 (%s:%u)",
			c->name, where.file, where.line);
	return exchange_reject(x, 0,
		"connection %s: IKEv1 can't authenticate with auth = %s and %s (%s:%u): it has pre-shared keys, RSA (PKCS#1), or ECDSA with one curve at both ends; XAUTH goes with pre-shared keys and RSA",
		c->name, c->local[0].auth_text, c->remote[0].auth_text, auth.file, auth.line);
}

struct v1_ike_terms v1_terms(const struct exchange *x)
{
	const struct v1_phase1_data *d = x->data;

	return (struct v1_ike_terms){ x->sa->connection, x->initiator, d->signer, d->only_group };
}

enum step v1_read_proposal(struct exchange *x)
{
	struct v1_ike_terms terms = v1_terms(x);
	struct v1_ike_transform t;

	if (!v1_chosen_ike(exchange_body(x, V1_PAYLOAD_SA), &terms, &t))
		return exchange_reject(x, 0, "the peer chose a transform that we did not offer");
	x->sa->spi_r = x->in->header.spi_r;
	v1_read_vendors(x);
	return take_transform(x, &t);
}
