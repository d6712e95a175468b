/* Decrypting and verifying what IKEv1 sends, RFC 2409 §5 and appendix B. In phase 2 every message
 * begins with a HASH that proves it; in phase 1 nothing is proved before its last messages. */
#include "ike/v1/ikev1.h"

/* The inside of a message in the arena: a copy, decrypted where it is encrypted. *iv becomes that of
 * the exchange's next message. */
static bool take_inside(const struct ike_sa *sa, const struct v1_datagram *d, struct arena *arena,
	struct v1_iv *iv, struct bytes *ret_inside)
{
	struct bytes body =
		BYTES(d->octets.data + IKE_HEADER_BYTES, d->octets.size - IKE_HEADER_BYTES);
	uint8_t *copy = arena_take(arena, body.size ? body.size : 1);

	if (!copy)
		return false;
	if (body.size)
		memcpy(copy, body.data, body.size);
	*ret_inside = BYTES(copy, body.size);
	return !(d->header->flags & V1_FLAG_ENCRYPTION) ||
		v1_decrypt(&sa->v1->keys, iv, copy, body.size) == 0;
}

/* Padding is what only encryption explains. */
static void decode_inside(struct opened *o, struct bytes inside, struct bytes *ret_padding)
{
	bool encrypted = o->header.flags & V1_FLAG_ENCRYPTION;
	enum wire_verdict verdict = v1_chain_decode(o->header.next_payload, inside, &o->chain,
		&o->critical_type, encrypted ? ret_padding : NULL);

	if (verdict == WIRE_OK) {
		o->malformed = !v1_chain_well_formed(&o->chain);
		return;
	}
	o->chain.count = 0;
	o->critical_unknown = verdict == WIRE_CRITICAL_UNKNOWN;
	o->malformed = verdict == WIRE_SYNTAX;
}

static struct opened *opened_new(const struct v1_datagram *d, struct arena *arena)
{
	struct opened *o = arena_take(arena, sizeof(*o));

	if (!o)
		return NULL;
	*o = (struct opened){ .header = *d->header, .path = *d->path };
	return o;
}

static void progress(const struct ike_sa *sa, const struct v1_datagram *d, struct v1_progress *p)
{
	p->messages++;
	v1_digest(sa, d->octets, p->digest);
}

struct opened *v1_opened_without_integrity(struct ike_sa *sa, const struct v1_datagram *d,
	struct arena *arena, struct v1_progress *ret_after, const char **ret_why)
{
	bool encrypted = d->header->flags & V1_FLAG_ENCRYPTION;
	struct v1_flight *f = sa ? v1_flight_find(sa, 0) : NULL;
	struct opened *o = opened_new(d, arena);
	struct bytes inside, padding = BYTES_EMPTY;

	*ret_why = "out of memory";
	if (!o || (sa && !f))
		return NULL;
	o->raw = arena_copy(arena, d->octets);
	if (f)
		*ret_after = f->progress;
	*ret_why = "it is encrypted, and there are no keys yet";
	if (encrypted && (!sa || !sa->v1->keyed))
		return NULL;
	*ret_why = "it can't be decrypted";
	if (!take_inside(sa, d, arena, f ? &ret_after->iv : NULL, &inside))
		return NULL;
	decode_inside(o, inside, &padding);
	if (sa)
		progress(sa, d, ret_after);
	return o;
}

/* What the HASH of the next message should be, RFC 2409 §5.5 and §5.7. */
static int expected_hash(const struct ike_sa *sa, const struct v1_flight *f,
	const struct ike_header *header, struct bytes rest, uint8_t out[static V1_HASH_BYTES_MAX])
{
	const struct v1_keys *k = &sa->v1->keys;
	unsigned before = f ? f->progress.messages : 0;

	if (header->exchange != V1_QUICK_MODE || before == 0)
		return v1_hash_1(k, header->message_id, rest, out);
	if (before == 1)
		return v1_hash_2(k, header->message_id, f->ni, rest, out);
	return v1_hash_3(k, header->message_id, f->ni, f->nr, out);
}

static void take_hash_out(struct payload_chain *chain)
{
	chain->count--;
	memmove(&chain->payloads[0], &chain->payloads[1],
		chain->count * sizeof(chain->payloads[0]));
}

static bool proved(const struct ike_sa *sa, const struct v1_flight *f, const struct opened *o,
	struct bytes padding)
{
	const struct payload *first = &o->chain.payloads[0];
	struct bytes hash = BYTES(NULL, v1_keys_hash_bytes(&sa->v1->keys));
	uint8_t expected[V1_HASH_BYTES_MAX];

	if (!o->chain.count || first->type != V1_PAYLOAD_HASH ||
		expected_hash(sa, f, &o->header, v1_chain_hashed(&o->chain, padding), expected) < 0)
		return false;
	hash.data = expected;
	return bytes_equal_secret(first->body, hash);
}

struct opened *v1_receive_open(struct ike_sa *sa, const struct v1_flight *f,
	const struct v1_datagram *d, struct arena *arena, struct v1_progress *ret_after,
	const char **ret_why)
{
	struct bytes inside, padding = BYTES_EMPTY;
	struct opened *o = opened_new(d, arena);

	*ret_why = "out of memory";
	if (!o)
		return NULL;
	*ret_why = "a message of phase 2 that is not encrypted";
	if (!(d->header->flags & V1_FLAG_ENCRYPTION))
		return NULL;
	*ret_after = f ? f->progress : (struct v1_progress){ 0 };
	*ret_why = "it can't be decrypted";
	if (!f &&
		v1_iv_phase2(&sa->v1->keys, &sa->v1->iv, d->header->message_id, &ret_after->iv) < 0)
		return NULL;
	if (!take_inside(sa, d, arena, &ret_after->iv, &inside))
		return NULL;
	decode_inside(o, inside, &padding);
	*ret_why = "its HASH is wrong: other keys, or it was changed on its way";
	if (!proved(sa, f, o, padding))
		return NULL;
	take_hash_out(&o->chain);
	progress(sa, d, ret_after);
	o->authenticated = true;
	return o;
}
