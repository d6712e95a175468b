#include "ike/peers.h"

#include <stdlib.h>

struct peer {
	uint64_t key;
	struct ike_sa *sas;
};

/* Identities may be long and are the peer's choice: their keyed hash is what is looked up, and each
 * SA found is compared. */
uint64_t peers_key(const struct ike_sa *sa)
{
	const struct id_payload local = ike_id_payload(&sa->local_id),
				remote = ike_id_payload(&sa->remote_id),
				user = ike_id_payload(&sa->remote_user);
	const uint8_t *seed = sa->engine->peers_seed;
	uint64_t parts[] = { siphash(seed, local.value), siphash(seed, remote.value),
		siphash(seed, user.value), local.type, remote.type, user.type };

	return siphash(seed, BYTES(parts, sizeof(parts)));
}

static struct peer *peer_find(const struct ike_engine *e, uint64_t key)
{
	return table_find(e->by_peer, BYTES(&key, sizeof(key)));
}

static struct peer *peer_make(struct ike_engine *e, uint64_t key)
{
	struct peer *p = peer_find(e, key);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = key;
	if (table_put(e->by_peer, BYTES(&key, sizeof(key)), p) == 0)
		return p;
	free(p);
	return NULL;
}

void peers_enter(struct ike_sa *sa)
{
	struct peer *p;

	peers_leave(sa);
	p = peer_make(sa->engine, peers_key(sa));
	if (!p)
		return;
	sa->peer = p;
	sa->peer_next = p->sas;
	sa->peer_link = &p->sas;
	if (sa->peer_next)
		sa->peer_next->peer_link = &sa->peer_next;
	p->sas = sa;
}

void peers_leave(struct ike_sa *sa)
{
	struct peer *p = sa->peer;

	if (!p)
		return;
	*sa->peer_link = sa->peer_next;
	if (sa->peer_next)
		sa->peer_next->peer_link = sa->peer_link;
	sa->peer = NULL;
	sa->peer_next = NULL;
	if (p->sas)
		return;
	table_take(sa->engine->by_peer, BYTES(&p->key, sizeof(p->key)));
	free(p);
}

static bool same_id(const struct ike_id *a, const struct ike_id *b)
{
	return a->type == b->type && bytes_equal(octets_bytes(&a->value), octets_bytes(&b->value));
}

bool peers_same(const struct ike_sa *a, const struct ike_sa *b)
{
	return same_id(&a->remote_id, &b->remote_id) && same_id(&a->local_id, &b->local_id) &&
		same_id(&a->remote_user, &b->remote_user);
}

struct ike_sa *peers_next(const struct ike_sa *of, const struct ike_sa *last)
{
	const struct peer *p = last ? NULL : peer_find(of->engine, peers_key(of));
	struct ike_sa *sa = last ? last->peer_next : p ? p->sas : NULL;

	while (sa && (sa == of || sa->gone || !peers_same(sa, of)))
		sa = sa->peer_next;
	return sa;
}
