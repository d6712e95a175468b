/* What main and aggressive mode share: agreeing on a proposal, a key exchange, SKEYID and what comes
 * of it, identities and their proofs. RFC 2409 §5. */
#include "ike/v1/phase1.h"

#include <stdio.h>
#include <stdlib.h>

#include "ike/admit.h"
#include "ike/liveness.h"
#include "ike/unique.h"
#include "ike/v1/transaction.h"
#include "ike/v2/auth.h"
#include "ike/v2/init.h"
#include "ike/v2/keys.h"

/* State. */

bool v1_state_new(struct ike_sa *sa)
{
	if (!sa->v1)
		sa->v1 = calloc(1, sizeof(*sa->v1));
	if (!sa->v1)
		return false;
	sa->v1->dpd.timer = (struct timer){ .owner = sa, .kind = TIMER_PROTOCOL };
	return true;
}

void v1_setup_clear(struct v1_setup *s)
{
	octets_clear(&s->sa_i);
	octets_clear(&s->ke_i);
	octets_clear(&s->ke_r);
	octets_clear(&s->id_i);
	octets_clear(&s->id_r);
}

void v1_state_free(struct ike_sa *sa)
{
	if (!sa->v1)
		return;
	v1_window_clear(sa);
	v1_fragments_clear(sa);
	v1_message_ids_clear(&sa->v1->message_ids);
	timer_clear(&sa->engine->timers, &sa->v1->dpd.timer);
	v1_setup_clear(&sa->v1->setup);
	octets_clear(&sa->v1->early);
	v1_keys_clear(&sa->v1->keys);
	bytes_wipe(sa->v1, sizeof(*sa->v1));
	free(sa->v1);
	sa->v1 = NULL;
}

void v1_phase1_said(const struct ike_sa *sa, struct v1_phase1 *ret)
{
	const struct v1_setup *s = &sa->v1->setup;
	struct bytes ours = octets_bytes(&sa->setup->our_nonce),
		     theirs = octets_bytes(&sa->setup->peer_nonce);

	*ret = (struct v1_phase1){ .cookie_i = sa->spi_i,
		.cookie_r = sa->spi_r,
		.ke_i = octets_bytes(&s->ke_i),
		.ke_r = octets_bytes(&s->ke_r),
		.ni = sa->initiator ? ours : theirs,
		.nr = sa->initiator ? theirs : ours,
		.sa_i = octets_bytes(&s->sa_i) };
}

/* Vendor IDs. */

static void put_vendor(struct exchange *x, enum v1_vendor vendor)
{
	v1_put(x, V1_PAYLOAD_VENDOR, v1_vendor_octets(vendor));
}

static void put_nat_vendors(struct exchange *x)
{
	static const enum v1_vendor all[] = { V1_VENDOR_RFC_3947, V1_VENDOR_NAT_T_03,
		V1_VENDOR_NAT_T_02_N, V1_VENDOR_NAT_T_02 };

	if (!x->engine->options.nat_traversal)
		return;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (!x->initiator && !v1_peer_has(x->sa, all[i]))
			continue;
		put_vendor(x, all[i]);
		if (!x->initiator)
			return;
	}
}

void v1_put_vendors(struct exchange *x)
{
	const struct connection *c = x->sa->connection;

	put_nat_vendors(x);
	put_vendor(x, V1_VENDOR_DPD);
	if (c->fragmentation != FRAGMENTATION_NO)
		put_vendor(x, V1_VENDOR_FRAGMENTATION);
	if (connection_xauth(c, true) || connection_xauth(c, false))
		put_vendor(x, V1_VENDOR_XAUTH);
	if (x->initiator ? c->vip_count && x->engine->options.cisco_unity
			 : c->pool_count && v1_peer_has(x->sa, V1_VENDOR_UNITY))
		put_vendor(x, V1_VENDOR_UNITY);
}

void v1_read_vendors(struct exchange *x)
{
	struct ikev1 *v1 = x->sa->v1;
	const struct payload *p;

	for (size_t i = 0; (p = chain_find(exchange_in(x), V1_PAYLOAD_VENDOR, i)); i++)
		v1->vendors |= 1u << v1_vendor_find(p->body);
	if (!x->engine->options.nat_traversal)
		return;
	if (v1_peer_has(x->sa, V1_VENDOR_RFC_3947))
		v1->nat_t = V1_NAT_T_RFC;
	else if (v1_peer_has(x->sa, V1_VENDOR_NAT_T_03) || v1_peer_has(x->sa, V1_VENDOR_NAT_T_02) ||
		v1_peer_has(x->sa, V1_VENDOR_NAT_T_02_N))
		v1->nat_t = V1_NAT_T_DRAFT;
}

/* The key exchange. */

enum step v1_agree_begin(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	return agreement_begin(x, &d->ke);
}

enum step v1_agree_respond(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	return agreement_respond(x, &d->ke);
}

enum step v1_agree_finish(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	return agreement_finish(x, &d->ke);
}

void v1_put_ke_and_nonce(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;
	struct v1_setup *s = &x->sa->v1->setup;

	init_make_nonce(x);
	octets_set(x->initiator ? &s->ke_i : &s->ke_r, d->ke.value);
	v1_put(x, V1_PAYLOAD_KE, d->ke.value);
	v1_put(x, V1_PAYLOAD_NONCE, octets_bytes(&x->sa->setup->our_nonce));
}

void v1_read_ke_and_nonce(struct exchange *x)
{
	struct v1_setup *s = &x->sa->v1->setup;

	octets_set(x->initiator ? &s->ke_r : &s->ke_i, exchange_body(x, V1_PAYLOAD_KE));
	octets_set(&x->sa->setup->peer_nonce, exchange_body(x, V1_PAYLOAD_NONCE));
}

/* SKEYID. With a pre-shared key it comes from who holds that. */

static struct id_payload address_id(const struct address *a)
{
	return (struct id_payload){ a->family == 4 ? ID_IPV4_ADDR : ID_IPV6_ADDR,
		address_bytes(a) };
}

static struct id_payload named_or(const struct identity *id, const struct address *a)
{
	return id->type && !id->wildcard ? (struct id_payload){ id->type, id->value }
					 : address_id(a);
}

/* Main mode has no identity of the peer yet: who it should be by configuration, else its address, RFC
 * 2409 §5.4. */
static enum step ask_skeyid(struct exchange *x, const struct id_payload *remote)
{
	struct v1_phase1_data *d = x->data;
	struct ike_sa *sa = x->sa;
	struct v1_phase1 said;
	struct ike_question q = { .kind = IKE_ASK_SKEYID,
		.connection = sa->connection,
		.prf = proposal_id(&sa->chosen, TRANSFORM_PRF) };

	v1_phase1_said(sa, &said);
	q.parts[0] = said.ni;
	q.parts[1] = said.nr;
	q.local_id = named_or(&sa->connection->local[0].id, &sa->path.local.address);
	q.remote_id = *remote;
	if (d->by_address) {
		q.local_id = address_id(&sa->path.local.address);
		q.remote_id = address_id(&sa->path.remote.address);
	}
	return exchange_ask(x, &q);
}

static int derive(struct exchange *x, struct bytes skeyid)
{
	struct v1_phase1_data *d = x->data;
	struct ikev1 *v1 = x->sa->v1;
	struct v1_flight *f = v1_flight_find(x->sa, 0);
	struct v1_phase1 said;
	struct v1_iv iv;
	int error;

	v1_phase1_said(x->sa, &said);
	said.shared = d->ke.shared;
	said.skeyid = skeyid;
	error = v1_keys_derive(x->engine->options.crypto, &x->sa->chosen, &said, &v1->keys);
	if (!error)
		error = v1_iv_phase1(&v1->keys, &said, &iv);
	if (error || !f)
		return -1;
	f->progress.iv = f->after.iv = iv;
	v1->keyed = true;
	return 0;
}

/* Aggressive mode knows who the peer says that it is, and goes by that alone. */
static struct id_payload expected_peer(const struct ike_sa *sa)
{
	return sa->remote_id.type
		? ike_id_payload(&sa->remote_id)
		: named_or(&sa->connection->remote[0].id, &sa->path.remote.address);
}

static enum step derive_from_nonces(struct exchange *x)
{
	if (derive(x, BYTES_EMPTY) == 0)
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, 0, "key derivation failed");
}

enum step v1_ask_skeyid(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct v1_phase1_data *d = x->data;
	struct id_payload remote = expected_peer(x->sa);

	if (!v1_method_has_psk(x->sa->v1->transform.method))
		return derive_from_nonces(x);
	if (!answer)
		return ask_skeyid(x, &remote);
	if (answer->status != IKE_ANSWER_OK && !d->by_address && !x->sa->remote_id.type) {
		d->by_address = true;
		return ask_skeyid(x, &remote);
	}
	x->reject.doom = true;
	if (answer->status != IKE_ANSWER_OK)
		return exchange_reject(x, AUTHENTICATION_FAILED,
			"no pre-shared key for the peer: %s", answer->reason);
	if (derive(x, answer->secret) < 0)
		return exchange_reject(x, 0, "key derivation failed");
	x->reject.doom = false;
	return STEP_NEXT;
}

/* The key was chosen before the peer said who it is. Whoever has a key of its own can't be claimed by
 * somebody with another. */
enum step v1_confirm_skeyid(struct exchange *x)
{
	const struct ike_answer *answer = exchange_take_answer(x);
	struct v1_phase1_data *d = x->data;
	struct id_payload remote = ike_id_payload(&x->sa->remote_id);
	char text[200];

	if (!v1_method_has_psk(x->sa->v1->transform.method))
		return STEP_NEXT;
	if (!answer) {
		d->by_address = false;
		return ask_skeyid(x, &remote);
	}
	if (answer->status != IKE_ANSWER_OK && !d->by_address) {
		d->by_address = true;
		return ask_skeyid(x, &remote);
	}
	if (answer->status == IKE_ANSWER_OK &&
		bytes_equal_secret(answer->secret, secret_bytes(&x->sa->v1->keys.skeyid)))
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"the peer says that it is %s, whose pre-shared key is another than the one that its address led to: see the secrets",
		id_print(&remote, text, sizeof(text)));
}

/* Identities. */

static void make_local_id(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct v1_setup *s = &sa->v1->setup;
	uint8_t *memory;
	struct writer w;
	struct v1_id id;

	auth_set_local_id(sa, 0);
	id = (struct v1_id){ .type = sa->local_id.type,
		.value = octets_bytes(&sa->local_id.value) };
	memory = exchange_take(x, id.value.size + 4);
	w = writer_of(memory, id.value.size + 4);
	v1_id_encode(&w, &id);
	octets_set(x->initiator ? &s->id_i : &s->id_r, writer_bytes(&w));
}

void v1_put_id(struct exchange *x)
{
	struct v1_setup *s = &x->sa->v1->setup;

	make_local_id(x);
	v1_put(x, V1_PAYLOAD_ID, octets_bytes(x->initiator ? &s->id_i : &s->id_r));
}

static bool is_identity(uint8_t type)
{
	return type != V1_ID_IPV4_ADDR_SUBNET && type != V1_ID_IPV6_ADDR_SUBNET &&
		type != V1_ID_IPV4_ADDR_RANGE && type != V1_ID_IPV6_ADDR_RANGE;
}

enum step v1_read_id(struct exchange *x)
{
	struct v1_setup *s = &x->sa->v1->setup;
	struct bytes body = exchange_body(x, V1_PAYLOAD_ID);
	struct v1_id id;

	if (!v1_id_decode(body, &id) || !is_identity(id.type))
		return exchange_reject(
			x, TS_UNACCEPTABLE, "the peer's identity is none that a host can have");
	octets_set(x->initiator ? &s->id_r : &s->id_i, body);
	auth_set_id(&x->sa->remote_id, &(struct id_payload){ id.type, id.value });
	return STEP_NEXT;
}

static bool has_method(const struct connection *c, bool initiator, uint16_t method)
{
	uint16_t methods[V1_METHODS_MAX];
	size_t count = v1_methods(c, initiator, methods);

	for (size_t i = 0; i < count; i++)
		if (methods[i] == method)
			return true;

	return false;
}

enum step v1_settle_connection(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	struct id_payload id = ike_id_payload(&sa->remote_id);
	struct conf_facts facts = { .local = sa->init_path.local.address,
		.remote = sa->init_path.remote.address,
		.remote_id = &id };
	const struct connection *best = NULL;
	unsigned best_fit = 0;
	char why[300] = "", reasons[600] = "", text[200];
	size_t used = 0;

	for (size_t i = 0; i < x->engine->connection_count; i++) {
		const struct connection *c = x->engine->connections[i];
		unsigned fit;

		if (c->version == 2 || !has_method(c, false, sa->v1->transform.method) ||
			!v1_acceptable_ike(c, &sa->v1->transform))
			continue;
		fit = conf_match(c, &facts, why, sizeof(why));
		if (fit > best_fit) {
			best_fit = fit;
			best = c;
		} else if (!fit && used < sizeof(reasons)) {
			used += (size_t)snprintf(reasons + used, sizeof(reasons) - used, "%s%s",
				used ? "; " : "", why);
		}
	}
	if (best) {
		sa_connect(sa, best);
		auth_set_local_id(sa, 0);
		return STEP_NEXT;
	}
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"AUTHENTICATION_FAILED: no connection for the peer %s: %s",
		id_print(&id, text, sizeof(text)), used ? reasons : "none fits");
}

enum step v1_check_peer_id(struct exchange *x)
{
	const struct auth_round *r = &x->sa->connection->remote[0];
	struct id_payload id = ike_id_payload(&x->sa->remote_id);
	struct where where = auth_id_where(r);
	char text[200];

	if (conf_id_match(&r->id, &id))
		return STEP_NEXT;
	x->reject.doom = true;
	return exchange_reject(x, AUTHENTICATION_FAILED,
		"the peer says that it is %s, connection %s wants %s (%s:%u)",
		id_print(&id, text, sizeof(text)), sa_name(x->sa), r->id.text, where.file,
		where.line);
}

/* Who proved itself. */

enum step v1_admit_peer(struct exchange *x)
{
	struct v1_notify n;
	bool initial_contact = v1_chain_notify(exchange_in(x), V1_INITIAL_CONTACT, &n);

	if (v1_xauth_role(x->sa) == V1_XAUTH_SERVER) {
		x->sa->v1->initial_contact = initial_contact; /* of whom, XAUTH will say */
		return STEP_NEXT;
	}
	return unique_admit(x, initial_contact) ? STEP_NEXT : STEP_REJECT;
}

void v1_put_initial_contact(struct exchange *x)
{
	uint8_t spi[16];

	if (!unique_first_contact(x->sa))
		return;
	store_u64(spi, x->sa->spi_i);
	store_u64(spi + 8, x->sa->spi_r);
	v1_put_notify(x,
		&(struct v1_notify){ .doi = V1_DOI_IPSEC,
			.protocol = V1_PROTOCOL_ISAKMP,
			.type = V1_INITIAL_CONTACT,
			.spi = BYTES_OF(spi) });
}

/* The peer proved itself where this came from, perhaps at the ports of NAT traversal. */
enum step v1_follow_path(struct exchange *x)
{
	struct v1_flight *f = v1_flight_find(x->sa, 0);

	if (f)
		f->waiting =
			false; /* what waits is sent again along a new path; this was answered */
	path_move(x->sa, &x->in->path, false);
	return STEP_NEXT;
}

/* The end. */

void v1_phase1_cleanup(struct exchange *x)
{
	struct v1_phase1_data *d = x->data;

	agreement_clear(&d->ke);
}

void v1_phase1_failed(struct exchange *x, const char *why)
{
	auth_failed(x, why);
}

void v1_respond(struct ike_engine *e, const struct exchange_kind *kind, struct arena *arena,
	struct opened *message)
{
	struct ike_sa *sa = sa_new(e, NULL, false);
	struct v1_flight *f;

	if (!sa) {
		arena_free(arena);
		return;
	}
	sa->protocol = protocol_v1;
	sa->spi_i = message->header.spi_i;
	sa->spi_r = engine_new_spi(e);
	sa->path = message->path;
	sa->path_known = true;
	f = v1_state_new(sa) && sa_register(sa) == 0 ? v1_flight_new(sa, 0) : NULL;
	if (!f) {
		sa_doom(sa, SA_END_FAILED, "out of memory");
		arena_free(arena);
		return;
	}
	f->after.messages = 1;
	v1_digest(sa, message->raw, f->after.digest);
	octets_set(&sa->v1->setup.sa_i,
		chain_find(&message->chain, V1_PAYLOAD_SA, 0)
			? chain_find(&message->chain, V1_PAYLOAD_SA, 0)->body
			: BYTES_EMPTY);
	half_open_add(sa, &message->path, sa->spi_i);
	timer_set(&e->timers, &sa->setup->timer, e->now + e->options.half_open_timeout_ns);
	v1_tell_received(sa, message, message->raw.size);
	exchange_respond(sa, kind, arena, message);
}
