#include "ike/nat.h"

#define NAT_HASH_BYTES 20

static void nat_hash(struct exchange *x, uint64_t spi_r, const struct endpoint *of,
	uint8_t out[static NAT_HASH_BYTES])
{
	uint8_t spis[16], port[2];
	struct bytes parts[] = { BYTES_OF(spis), address_bytes(&of->address), BYTES_OF(port) };

	store_u64(spis, x->sa->spi_i);
	store_u64(spis + 8, spi_r);
	store_u16(port, of->port);
	hash_sha1(x->engine->options.crypto, parts, 3, out);
}

void nat_notify(struct exchange *x)
{
	struct ike_sa *sa = x->sa;
	uint8_t hash[NAT_HASH_BYTES];

	if (!x->engine->options.nat_traversal)
		return;
	nat_hash(x, sa->spi_r, &x->path.local, hash);
	if (sa->connection->encap) {
		random_fill(&x->engine->options.random, hash,
			sizeof(hash)); /* a NAT that isn't there: UDP it is */
		sa->nat_fake = true;
	}
	exchange_notify(x, NAT_DETECTION_SOURCE_IP, BYTES_OF(hash));
	nat_hash(x, sa->spi_r, &x->path.remote, hash);
	exchange_notify(x, NAT_DETECTION_DESTINATION_IP, BYTES_OF(hash));
}

static bool any_matches(
	const struct exchange *x, uint16_t type, struct bytes hash, bool *ret_present)
{
	const struct payload *p;

	*ret_present = false;
	for (size_t i = 0; (p = chain_find(exchange_in(x), PAYLOAD_NOTIFY, i)); i++) {
		struct notify n;

		if (!notify_decode(p->body, &n) || n.type != type)
			continue;
		*ret_present = true;
		if (bytes_equal(n.data, hash))
			return true;
	}
	return false;
}

void nat_detect(struct exchange *x)
{
	uint8_t hash[NAT_HASH_BYTES];
	uint64_t spi_r = x->in->header.spi_r;
	bool present, matches;

	if (!x->engine->options.nat_traversal)
		return;
	nat_hash(x, spi_r, &x->in->path.remote, hash);
	matches = any_matches(x, NAT_DETECTION_SOURCE_IP, BYTES_OF(hash), &present);
	x->sa->nat_remote = present && !matches;
	x->sa->mobility.peer_nat_t = present;
	nat_hash(x, spi_r, &x->in->path.local, hash);
	matches = any_matches(x, NAT_DETECTION_DESTINATION_IP, BYTES_OF(hash), &present);
	x->sa->nat_local = present && !matches;
}
