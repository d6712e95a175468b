/* NAT traversal, RFC 3947 and drafts 02 and 03 of it: a hash of each end's address and port tells
 * whether it is what the other end sees; behind a NAT both go on at port 4500, and ESP goes in
 * UDP. In transport mode each end also says which addresses it made its packets with. */
#include "ike/v1/phase1.h"
#include "ike/v2/init.h"

static uint8_t hash_id(uint16_t v1_hash)
{
	switch (v1_hash) {
	case V1_HASH_SHA2_256:
		return HASH_SHA2_256;
	case V1_HASH_SHA2_384:
		return HASH_SHA2_384;
	case V1_HASH_SHA2_512:
		return HASH_SHA2_512;
	default:
		return HASH_SHA1;
	}
}

/* HASH(CKY-I | CKY-R | IP | Port), §3.2. Returns its size. */
static size_t nat_hash(
	const struct exchange *x, const struct endpoint *of, uint8_t out[static V1_HASH_BYTES_MAX])
{
	uint8_t hash = hash_id(x->sa->v1->transform.hash);
	uint8_t cookies[16], port[2];
	struct bytes parts[] = { BYTES_OF(cookies), address_bytes(&of->address), BYTES_OF(port) };

	store_u64(cookies, x->sa->spi_i);
	store_u64(cookies + 8, x->sa->spi_r);
	store_u16(port, of->port);
	if (hash_parts(x->engine->options.crypto, hash, parts, 3, out) < 0)
		return 0;
	return hash_output_bytes(hash);
}

static uint8_t nat_d(const struct ike_sa *sa)
{
	return sa->v1->nat_t == V1_NAT_T_DRAFT ? V1_PAYLOAD_NAT_D_DRAFT : V1_PAYLOAD_NAT_D;
}

/* The remote end's first, then ours. */
void v1_nat_put(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	uint8_t hash[V1_HASH_BYTES_MAX];
	size_t size;

	if (!sa->v1->nat_t)
		return;
	size = nat_hash(x, &sa->path.remote, hash);
	v1_put(x, nat_d(sa), BYTES(hash, size));
	nat_hash(x, &sa->path.local, hash);
	if (sa->connection->encap) { /* a NAT that isn't there: UDP it is */
		random_fill(&x->engine->options.random, hash, size);
		sa->nat_fake = true;
	}
	v1_put(x, nat_d(sa), BYTES(hash, size));
}

void v1_nat_detect(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	size_t count = sa->v1->nat_t ? chain_count(exchange_in(x), nat_d(sa)) : 0, size;
	uint8_t hash[V1_HASH_BYTES_MAX];
	bool seen = false;

	if (!count) {
		sa->v1->nat_t = V1_NAT_T_NONE;
		sa->nat_fake = false; /* ours tells nothing to who doesn't look for NATs */
		return;
	}
	size = nat_hash(x, &x->in->path.local, hash);
	sa->nat_local =
		!bytes_equal(chain_find(exchange_in(x), nat_d(sa), 0)->body, BYTES(hash, size));
	size = nat_hash(x, &x->in->path.remote, hash);
	for (size_t i = 1; i < count; i++)
		seen = seen ||
			bytes_equal(
				chain_find(exchange_in(x), nat_d(sa), i)->body, BYTES(hash, size));
	sa->nat_remote = count > 1 && !seen;
	sa->mobility.peer_nat_t = true;
}

/* §4: the initiator goes to 4500 with the first message after the detection. */
enum step v1_nat_float(struct exchange *x)
{
	struct ike_sa *sa = x->sa;

	if ((sa->nat_local || sa->nat_remote || sa->nat_fake) &&
		sa->path.local.port != x->engine->options.port_nat_t) {
		sa->path.local.port = x->engine->options.port_nat_t;
		if (sa->path.remote.port == 500)
			sa->path.remote.port = 4500;
	}
	return STEP_NEXT;
}

uint16_t v1_encapsulation(const struct ike_sa *sa, enum child_mode mode)
{
	bool transport = mode == CHILD_TRANSPORT;

	if (!path_encap(sa))
		return transport ? V1_TRANSPORT : V1_TUNNEL;
	if (sa->v1->nat_t == V1_NAT_T_DRAFT)
		return transport ? V1_UDP_TRANSPORT_DRAFT : V1_UDP_TUNNEL_DRAFT;
	return transport ? V1_UDP_TRANSPORT : V1_UDP_TUNNEL;
}

/* Original addresses, §5.2. */

static uint8_t nat_oa(const struct ike_sa *sa)
{
	return sa->v1->nat_t == V1_NAT_T_DRAFT ? V1_PAYLOAD_NAT_OA_DRAFT : V1_PAYLOAD_NAT_OA;
}

static void put_original(struct exchange *x, const struct address *a)
{
	v1_nat_oa_encode(exchange_payload(x, nat_oa(x->sa)), a);
	exchange_payload_end(x);
}

/* The initiator's, then the responder's, as we see them; in the drafts our own alone. */
void v1_nat_put_originals(struct exchange *x, enum child_mode mode)
{
	const struct ike_sa *sa = x->sa;
	const struct address *ours = &sa->path.local.address, *theirs = &sa->path.remote.address;

	if (mode != CHILD_TRANSPORT || !sa->v1->nat_t || !path_encap(sa))
		return;
	if (sa->v1->nat_t == V1_NAT_T_DRAFT) {
		put_original(x, ours);
		return;
	}
	put_original(x, x->initiator ? ours : theirs);
	put_original(x, x->initiator ? theirs : ours);
}

/* Nothing depends on it that the peer couldn't say otherwise: checksums are computed anew (RFC 3948
 * §3.1.2, 2), and whose packets they are is the SA's matter. */
void v1_nat_read_original(const struct exchange *x, struct address *ret_theirs)
{
	uint8_t type = nat_oa(x->sa);
	size_t at = chain_count(exchange_in(x), type) > 1 && x->initiator;
	const struct payload *p = chain_find(exchange_in(x), type, at);
	struct address a;

	if (p && v1_nat_oa_decode(p->body, &a))
		*ret_theirs = a;
}
