#include "ike/v2/collision.h"

static enum collision_verdict judge_ike(const struct collision_facts *f)
{
	if (f->request == REQUEST_DELETE_IKE)
		return f->ike_being_rekeyed || f->ike_being_deleted ? COLLISION_FORGET
								    : COLLISION_NONE;
	/* §2.25.2; a successor stands: §2.8.2, "an IKE SA that it is currently trying to close" */
	if (f->ike_being_deleted || f->ike_rekeyed)
		return COLLISION_LATER;
	if (f->child_exchange) /* §2.25.1 */
		return COLLISION_LATER;
	return f->ike_being_rekeyed ? COLLISION_COMPARE : COLLISION_NONE;
}

static enum collision_verdict judge_rekey_child(const struct collision_facts *f)
{
	if (!f->child_found) /* it may be the one that we are making */
		return f->child_being_made ? COLLISION_LATER : COLLISION_UNKNOWN;
	if (f->child_being_deleted || f->child_rekeyed)
		return COLLISION_LATER;
	return f->child_being_rekeyed ? COLLISION_COMPARE : COLLISION_NONE;
}

enum collision_verdict collision_judge(const struct collision_facts *f)
{
	if (f->request == REQUEST_REKEY_IKE || f->request == REQUEST_DELETE_IKE)
		return judge_ike(f);
	if (f->request == REQUEST_DELETE_CHILD) {
		if (!f->child_found || f->child_being_deleted)
			return COLLISION_SILENT;
		return f->child_being_rekeyed ? COLLISION_FORGET : COLLISION_NONE;
	}
	if (f->ike_being_rekeyed || f->ike_being_deleted || f->ike_rekeyed) /* §2.25.2 */
		return COLLISION_LATER;
	return f->request == REQUEST_REKEY_CHILD ? judge_rekey_child(f) : COLLISION_NONE;
}

struct bytes lower_nonce(struct bytes a, struct bytes b)
{
	return bytes_compare(a, b) < 0 ? a : b;
}

bool collision_ours_lost(struct bytes ours, struct bytes theirs)
{
	return bytes_compare(ours, theirs) < 0;
}
