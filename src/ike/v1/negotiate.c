/* Proposals of IKEv1. A configuration speaks IKEv2's language, where a proposal lists alternatives of
 * each kind; here each combination of them is a transform of its own, and all of phase 1 is one
 * proposal. RFC 2408 §4.2, RFC 2409 §5. */
#include <stdio.h>

#include "ike/negotiate.h"
#include "ike/v1/ikev1.h"

#define TRANSFORMS_OFFERED_MAX 64 /* in one proposal */
#define LIFE_SECONDS_DEFAULT   86400
#define V1_GROUPS_MAX          16 /* of one child: 0 and what IKEv1 has numbers for */

/* Which key each method of signing wants of both ends. */
static const struct {
	uint16_t method;
	uint8_t keys;
} signature_methods[] = {
	{ V1_METHOD_ECDSA_256, CONF_KEYS_ECDSA_256 },
	{ V1_METHOD_ECDSA_384, CONF_KEYS_ECDSA_384 },
	{ V1_METHOD_ECDSA_521, CONF_KEYS_ECDSA_521 },
	{ V1_METHOD_RSA_SIGNATURE, CONF_KEYS_RSA },
};

/* Whether a round may be done by such a signature. IKEv1 has no RSA with PSS. */
static bool may_sign(const struct auth_round *r, size_t i)
{
	return (r->class == AUTH_CLASS_PUBKEY || r->class == AUTH_CLASS_ANY) &&
		(r->keys & signature_methods[i].keys) &&
		!(r->pss && signature_methods[i].method == V1_METHOD_RSA_SIGNATURE);
}

static bool may_psk(const struct auth_round *r)
{
	return r->class == AUTH_CLASS_PSK || r->class == AUTH_CLASS_ANY;
}

/* With XAUTH: which end answers it is in the number. There is no ECDSA for that. */
static size_t xauth_methods(
	const struct connection *c, bool initiator, uint16_t ret_methods[static V1_METHODS_MAX])
{
	bool client = connection_xauth(c, true), begins = client == initiator;
	size_t rounds = client ? c->local_count : c->remote_count, rsa = 3, count = 0;

	if ((client ? c->remote_count : c->local_count) != 1)
		return 0;
	if (rounds == 1 && may_sign(client ? c->remote : c->local, rsa))
		ret_methods[count++] =
			begins ? V1_METHOD_HYBRID_INIT_RSA : V1_METHOD_HYBRID_RESP_RSA;
	if (rounds == 2 && may_sign(c->local, rsa) && may_sign(c->remote, rsa))
		ret_methods[count++] = begins ? V1_METHOD_XAUTH_INIT_RSA : V1_METHOD_XAUTH_RESP_RSA;
	if (rounds == 2 && may_psk(c->local) && may_psk(c->remote))
		ret_methods[count++] = begins ? V1_METHOD_XAUTH_INIT_PSK : V1_METHOD_XAUTH_RESP_PSK;
	return count;
}

size_t v1_methods(
	const struct connection *c, bool initiator, uint16_t ret_methods[static V1_METHODS_MAX])
{
	const struct auth_round *local = c->local, *remote = c->remote;
	size_t count = 0;

	if (connection_xauth(c, true) || connection_xauth(c, false))
		return xauth_methods(c, initiator, ret_methods);
	if (c->local_count != 1 || c->remote_count != 1)
		return 0;
	for (size_t i = 0; i < sizeof(signature_methods) / sizeof(signature_methods[0]); i++)
		if (may_sign(local, i) && may_sign(remote, i))
			ret_methods[count++] = signature_methods[i].method;
	if (may_psk(local) && may_psk(remote))
		ret_methods[count++] = V1_METHOD_PSK;
	return count;
}

static uint64_t life_of(const struct connection *c)
{
	uint64_t soft = c->rekey_time_s ? c->rekey_time_s : c->reauth_time_s;

	if (c->reauth_time_s && c->reauth_time_s < soft)
		soft = c->reauth_time_s;
	return soft ? soft + c->over_time_s : LIFE_SECONDS_DEFAULT;
}

size_t v1_signers(const struct connection *c, bool initiator)
{
	uint16_t methods[V1_METHODS_MAX];
	size_t count = v1_methods(c, initiator, methods), found = 0;
	unsigned seen = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned bit = 1u << v1_signature_method(methods[i]);

		if (!v1_method_signs(methods[i], initiator) || (seen & bit))
			continue;
		seen |= bit;
		found++;
	}
	return found;
}

/* Those of the connection's methods that the terms leave. */
static size_t methods_of(
	const struct v1_ike_terms *terms, uint16_t ret_methods[static V1_METHODS_MAX])
{
	uint16_t all[V1_METHODS_MAX];
	size_t count = v1_methods(terms->connection, terms->initiator, all), left = 0;

	for (size_t i = 0; i < count; i++)
		if (!terms->signer || !v1_method_signs(all[i], terms->initiator) ||
			v1_signature_method(all[i]) == terms->signer)
			ret_methods[left++] = all[i];

	return left;
}

static uint8_t offer_method(
	struct v1_sa_writer *s, const struct v1_ike_terms *terms, uint16_t method, uint8_t number)
{
	const struct connection *c = terms->connection;
	struct v1_ike_transform t;

	for (size_t i = 0; i < c->proposals.count; i++) {
		const struct proposal *p = &c->proposals.list[i].given;

		for (size_t n = 0; v1_ike_transform_nth(p, n, &t); n++) {
			if (terms->group && t.group != terms->group)
				continue;
			if (number >= TRANSFORMS_OFFERED_MAX)
				return number;
			t.method = method;
			t.life_seconds = life_of(c);
			v1_ike_transform_encode(s, ++number, &t);
		}
	}
	return number;
}

uint16_t v1_first_group(const struct connection *c)
{
	struct v1_ike_transform t;

	for (size_t i = 0; i < c->proposals.count; i++)
		if (v1_ike_transform_nth(&c->proposals.list[i].given, 0, &t))
			return t.group;

	return 0;
}

size_t v1_offer_ike(struct writer *w, const struct v1_ike_terms *terms)
{
	struct v1_sa_writer s = v1_sa_encode_begin(w);
	uint16_t methods[V1_METHODS_MAX];
	size_t count = methods_of(terms, methods);
	uint8_t number = 0;

	v1_proposal_begin(&s, 1, V1_PROTOCOL_ISAKMP, BYTES_EMPTY);
	for (size_t i = 0; i < count; i++)
		number = offer_method(&s, terms, methods[i], number);
	if (number)
		v1_proposal_end(&s);
	return number;
}

/* Where in our list a transform of the peer is: 1 first, 0 not at all. Life is nothing to refuse for:
 * the shorter one counts. */
static unsigned ike_rank(const struct v1_ike_transform *theirs, const struct v1_ike_terms *terms)
{
	const struct connection *c = terms->connection;
	uint16_t methods[V1_METHODS_MAX];
	size_t count = methods_of(terms, methods);
	struct v1_ike_transform ours, asked = *theirs;
	unsigned rank = 0;

	asked.life_seconds = asked.life_kilobytes = 0;
	for (size_t m = 0; m < count; m++) {
		for (size_t i = 0; i < c->proposals.count; i++) {
			const struct proposal *p = &c->proposals.list[i].given;

			for (size_t n = 0; v1_ike_transform_nth(p, n, &ours); n++) {
				rank++;
				ours.method = methods[m];
				ours.life_seconds = ours.life_kilobytes = 0;
				if (v1_ike_transform_equal(&ours, &asked))
					return rank;
			}
		}
	}
	return 0;
}

/* What is chosen among a peer's transforms: the first that has a place in our list, or where that goes
 * first the one with the best. */
struct chooser {
	uint8_t protocol;
	unsigned (*rank)(const struct v1_transform *t, const void *terms);
	const void *terms;
	bool prefer_ours;
};

static bool choose(struct bytes theirs, const struct chooser *c, struct v1_choice *ret_choice)
{
	struct v1_sa_reader sa;
	struct v1_proposal p;
	unsigned best = 0;

	if (v1_sa_begin(theirs, &sa) < 0)
		return false;
	while (v1_sa_next(&sa, &p) > 0) {
		struct v1_transform_reader reader = v1_transforms_begin(&p);
		struct v1_transform raw;

		if (p.protocol != c->protocol ||
			(p.protocol == V1_PROTOCOL_ESP &&
				(p.spi.size != 4 || v1_proposal_in_bundle(theirs, &p))))
			continue;
		while (v1_transforms_next(&reader, &raw) > 0) {
			unsigned rank = c->rank(&raw, c->terms);

			if (!rank || (best && (!c->prefer_ours || rank >= best)))
				continue;
			best = rank;
			*ret_choice = (struct v1_choice){ p.number, p.protocol, p.spi, raw };
		}
	}
	return best;
}

static unsigned rank_ike(const struct v1_transform *raw, const void *terms)
{
	struct v1_ike_transform t;

	return raw->id == V1_KEY_IKE && !v1_ike_transform_decode(raw, &t) ? ike_rank(&t, terms) : 0;
}

bool v1_choose_ike(struct bytes theirs, const struct v1_ike_terms *terms, bool prefer_ours,
	struct v1_choice *ret_choice, struct v1_ike_transform *ret_transform)
{
	const struct chooser c = { V1_PROTOCOL_ISAKMP, rank_ike, terms, prefer_ours };

	return choose(theirs, &c, ret_choice) &&
		!v1_ike_transform_decode(&ret_choice->raw, ret_transform);
}

bool v1_acceptable_ike(const struct connection *c, const struct v1_ike_transform *t)
{
	return ike_rank(t, &(struct v1_ike_terms){ .connection = c });
}

/* The only transform of the only proposal of an answer. */
static bool only_transform(struct bytes answer, uint8_t protocol, struct v1_proposal *ret_p,
	struct v1_transform *ret_t)
{
	struct v1_sa_reader sa;
	struct v1_proposal more;
	struct v1_transform other;
	struct v1_transform_reader reader;

	if (v1_sa_begin(answer, &sa) < 0 || v1_sa_next(&sa, ret_p) <= 0 ||
		ret_p->protocol != protocol)
		return false;
	reader = v1_transforms_begin(ret_p);
	return v1_transforms_next(&reader, ret_t) > 0 && v1_transforms_next(&reader, &other) == 0 &&
		v1_sa_next(&sa, &more) == 0;
}

bool v1_chosen_ike(
	struct bytes answer, const struct v1_ike_terms *terms, struct v1_ike_transform *ret)
{
	struct v1_proposal p;
	struct v1_transform raw;

	return only_transform(answer, V1_PROTOCOL_ISAKMP, &p, &raw) && raw.id == V1_KEY_IKE &&
		!v1_ike_transform_decode(&raw, ret) &&
		(!terms->group || ret->group == terms->group) && ike_rank(ret, terms);
}

void v1_answer_encode(struct writer *w, const struct v1_choice *choice, struct bytes spi)
{
	struct v1_sa_writer s = v1_sa_encode_begin(w);

	v1_proposal_begin(&s, choice->number, choice->protocol, spi);
	v1_transform_encode(&s, &choice->raw);
	v1_proposal_end(&s);
}

/* Phase 2. */

static uint64_t life_of_child(const struct child_config *c)
{
	return c->life_time_s ? c->life_time_s : c->rekey_time_s;
}

bool v1_esp_group(const struct child_config *config, size_t n, uint16_t *ret_group)
{
	uint16_t seen[V1_GROUPS_MAX];
	size_t count = 0;
	struct v1_esp_transform t;

	for (size_t i = 0; i < config->esp_proposals.count; i++) {
		const struct proposal *p = &config->esp_proposals.list[i].given;

		for (size_t k = 0; v1_esp_transform_nth(p, k, &t) && count < V1_GROUPS_MAX; k++) {
			size_t at = 0;

			while (at < count && seen[at] != t.group)
				at++;
			if (at == count)
				seen[count++] = t.group;
		}
	}
	if (n >= count)
		return false;
	*ret_group = seen[n];
	return true;
}

static bool offered_together(const struct v1_esp_transform *t, const struct v1_esp_terms *terms)
{
	return t->group == terms->group;
}

static bool nth_offered(
	const struct v1_esp_terms *terms, size_t proposal, size_t *n, struct v1_esp_transform *ret)
{
	const struct proposal *p = &terms->config->esp_proposals.list[proposal].given;

	while (v1_esp_transform_nth(p, (*n)++, ret))
		if (offered_together(ret, terms))
			return true;

	return false;
}

static uint8_t esp_count(const struct v1_esp_terms *terms, size_t proposal)
{
	struct v1_esp_transform t;
	uint8_t count = 0;
	size_t n = 0;

	while (count < TRANSFORMS_OFFERED_MAX && nth_offered(terms, proposal, &n, &t))
		count++;
	return count;
}

/* A proposal of the peer is one protocol with one transform ID after another; everybody takes several
 * IDs in one proposal, and several proposals, alike. */
bool v1_offer_esp(struct writer *w, const struct v1_esp_terms *terms)
{
	struct v1_sa_writer s = v1_sa_encode_begin(w);
	struct v1_esp_transform t;
	uint8_t spi[4], number = 0;

	store_u32(spi, terms->spi);
	for (size_t i = 0; i < terms->config->esp_proposals.count; i++) {
		uint8_t count = esp_count(terms, i);
		size_t n = 0;

		if (!count)
			continue;
		v1_proposal_begin(&s, ++number, V1_PROTOCOL_ESP, BYTES_OF(spi));
		for (uint8_t k = 1; k <= count && nth_offered(terms, i, &n, &t); k++) {
			t.encapsulation = terms->encapsulation;
			t.life_seconds = life_of_child(terms->config);
			v1_esp_transform_encode(&s, k, &t);
		}
		v1_proposal_end(&s);
	}
	return number;
}

/* `any_group`: a responder takes what group the peer chose among ours. */
static unsigned esp_rank(
	const struct v1_esp_transform *theirs, const struct v1_esp_terms *terms, bool any_group)
{
	struct v1_esp_transform ours, asked = *theirs;
	unsigned rank = 0;

	asked.life_seconds = asked.life_kilobytes = 0;
	if (asked.encapsulation && asked.encapsulation != terms->encapsulation)
		return 0;
	asked.encapsulation = 0;
	if (!any_group && !offered_together(&asked, terms))
		return 0;
	for (size_t i = 0; i < terms->config->esp_proposals.count; i++) {
		const struct proposal *p = &terms->config->esp_proposals.list[i].given;

		for (size_t n = 0; v1_esp_transform_nth(p, n, &ours); n++) {
			rank++;
			ours.life_seconds = ours.life_kilobytes = ours.encapsulation = 0;
			if (v1_esp_transform_equal(&ours, &asked))
				return rank;
		}
	}
	return 0;
}

static unsigned rank_esp(const struct v1_transform *raw, const void *terms)
{
	struct v1_esp_transform t;

	return !v1_esp_transform_decode(raw, &t) ? esp_rank(&t, terms, true) : 0;
}

bool v1_choose_esp(struct bytes theirs, const struct v1_esp_terms *terms, bool prefer_ours,
	struct v1_choice *ret_choice, struct v1_esp_transform *ret_transform)
{
	const struct chooser c = { V1_PROTOCOL_ESP, rank_esp, terms, prefer_ours };

	return choose(theirs, &c, ret_choice) &&
		!v1_esp_transform_decode(&ret_choice->raw, ret_transform);
}

bool v1_chosen_esp(struct bytes answer, const struct v1_esp_terms *terms, uint32_t *ret_spi,
	struct v1_esp_transform *ret_transform)
{
	struct v1_proposal p;
	struct v1_transform raw;

	if (!only_transform(answer, V1_PROTOCOL_ESP, &p, &raw) || p.spi.size != 4 ||
		v1_esp_transform_decode(&raw, ret_transform) ||
		!esp_rank(ret_transform, terms, false))
		return false;
	*ret_spi = load_u32(p.spi.data);
	return true;
}

/* For people. */

static size_t explain_one(
	const struct v1_proposal *p, const struct v1_transform *raw, char *out, size_t size)
{
	struct v1_ike_transform ike;
	struct v1_esp_transform esp;
	struct proposal as = { 0 };
	char text[200], name[NAME_TEXT_MAX];
	size_t used;

	if (p->protocol == V1_PROTOCOL_ISAKMP ? !v1_ike_transform_decode(raw, &ike) &&
				v1_ike_transform_to_proposal(&ike, &as)
					      : !v1_esp_transform_decode(raw, &esp) &&
				v1_esp_transform_to_proposal(&esp, &as))
		proposal_print(&as, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "a transform that we don't have (ID %u)", raw->id);
	used = (size_t)snprintf(out, size, "%s", text);
	if (p->protocol == V1_PROTOCOL_ISAKMP && as.transform_count && used < size)
		used += (size_t)snprintf(
			out + used, size - used, " by %s", v1_method_name(ike.method, name));
	return used;
}

static size_t explain_theirs(struct bytes theirs, char *out, size_t size)
{
	struct v1_sa_reader sa;
	struct v1_proposal p;
	size_t used = 0;

	if (v1_sa_begin(theirs, &sa) < 0)
		return 0;
	while (v1_sa_next(&sa, &p) > 0) {
		struct v1_transform_reader reader = v1_transforms_begin(&p);
		struct v1_transform raw;

		while (v1_transforms_next(&reader, &raw) > 0 && used + 120 < size) {
			used += (size_t)snprintf(out + used, size - used, "%s", used ? ", " : "");
			used += explain_one(&p, &raw, out + used, size - used);
		}
	}
	return used < size ? used : size - 1;
}

void v1_explain(struct bytes theirs, const struct proposal_list *ours, const struct where *where,
	char *out, size_t out_size)
{
	char offered[500] = "nothing", wanted[300] = "";
	size_t used = 0;

	explain_theirs(theirs, offered, sizeof(offered));
	for (size_t i = 0; i < ours->count && used + 100 < sizeof(wanted); i++)
		used += (size_t)snprintf(wanted + used, sizeof(wanted) - used, "%s%.90s",
			used ? ", " : "", ours->list[i].text);
	snprintf(out, out_size, "they offer %s; we want %s (%s:%u)", offered, wanted, where->file,
		where->line);
}
