/* Children outlive the ISAKMP SA that made them: IKEv1 doesn't bind them to it. When a phase 1 with
 * the same peer takes another's place, it adopts the children; quick modes and deletes that come in
 * the older one are about the same children. */
#include <stdlib.h>

#include "ike/peers.h"
#include "ike/v1/ikev1.h"

/* The same peer at the same place: clients with a group's identity are told apart by where they are. */
static bool same_peer(const struct ike_sa *sa, const struct ike_sa *other)
{
	return other->v1 && !other->gone && other->established_at &&
		strcmp(sa_name(sa), sa_name(other)) == 0 &&
		(sa->replaces == other->id ||
			endpoint_equal(&sa->path.remote, &other->path.remote));
}

struct ike_sa *v1_peers_next(struct ike_sa *sa, struct ike_sa *last)
{
	struct ike_sa *next;

	if (!last)
		return sa;
	next = peers_next(sa, last == sa ? NULL : last);
	while (next && !same_peer(sa, next))
		next = peers_next(sa, next);
	return next;
}

struct ike_sa *v1_newest(struct ike_sa *sa)
{
	struct ike_sa *found = sa;

	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each))
		if (!sa_ending(each) && (each->id > found->id || sa_ending(found)))
			found = each;

	return found;
}

struct child_sa *v1_child_by_spi_out(struct ike_sa *sa, uint32_t spi)
{
	for (struct ike_sa *each = v1_peers_next(sa, NULL); each; each = v1_peers_next(sa, each)) {
		struct child_sa *c = child_by_spi_out(each, spi);

		if (c)
			return c;
	}
	return NULL;
}

static bool about_child(const struct intent *i)
{
	return i->kind == INTENT_REKEY_CHILD || i->kind == INTENT_DELETE_CHILD;
}

static void intents_follow(struct ike_sa *from, struct ike_sa *to)
{
	struct intent **link = &from->intents;

	while (*link) {
		struct intent *i = *link;

		if (!about_child(i)) {
			link = &i->next;
			continue;
		}
		*link = i->next;
		intent_add(to, i);
		free(i);
	}
}

void v1_adopt(struct ike_sa *sa)
{
	struct ike_sa *old, *next;

	for (old = v1_peers_next(sa, sa); old; old = next) {
		next = v1_peers_next(sa, old);
		if (old->id > sa->id)
			continue;
		while (old->children) {
			struct child_sa *c = old->children;

			child_move(c, sa);
			child_path_changed(c);
		}
		intents_follow(old, sa);
	}
}
