#include "ike/v2/collision.h"

#include "wire/ikev2.h"

uint16_t collision_judge(const struct collision_facts *f)
{
	if (f->ike_being_deleted || f->ike_rekeyed)
		return TEMPORARY_FAILURE; /* §2.25.2: the SA is on its way out */
	if (f->request == REQUEST_REKEY_IKE)
		return f->child_exchange || f->ike_being_rekeyed ? TEMPORARY_FAILURE : 0;
	if (f->ike_being_rekeyed)
		return TEMPORARY_FAILURE;
	if (f->request == REQUEST_NEW_CHILD)
		return 0;
	if (!f->child_found)
		return CHILD_SA_NOT_FOUND;
	return f->child_being_deleted || f->child_rekeyed ? TEMPORARY_FAILURE : 0; /* §2.25.1 */
}

struct bytes lower_nonce(struct bytes a, struct bytes b)
{
	return bytes_compare(a, b) < 0 ? a : b;
}

bool collision_ours_lost(struct bytes ours, struct bytes theirs)
{
	return bytes_compare(ours, theirs) < 0;
}
