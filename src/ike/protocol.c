/* Which versions of IKE this build speaks. */
#include "ike/protocol.h"

#ifdef TERN_IKEV1
#include "ike/v1/protocol.h"
const struct protocol *const protocol_v1 = &v1_protocol;
#else
const struct protocol *const protocol_v1 = NULL;
#endif

const struct protocol *protocol_of(const struct connection *c)
{
	return c && c->version == 1 ? protocol_v1 : &protocol_v2;
}
