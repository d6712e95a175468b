/* XAuth, by which IKEv1 asks one end for a user and a password once phase 1 stands: as a second round
 * after a pre-shared key or RSA at both ends, or alone where the other end has an RSA certificate
 * (hybrid). draft-beaulieu-ike-xauth-02, draft-zegman-ike-hybrid-auth. */
#include "conf/internal.h"

static const struct auth_round *xauth_of(const struct auth_round *rounds, size_t count)
{
	return count && rounds[count - 1].class == AUTH_CLASS_XAUTH ? &rounds[count - 1] : NULL;
}

const struct auth_round *connection_xauth(const struct connection *c, bool local)
{
	return local ? xauth_of(c->local, c->local_count) : xauth_of(c->remote, c->remote_count);
}

static bool rounds_have_xauth(const struct auth_round *rounds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rounds[i].class == AUTH_CLASS_XAUTH)
			return true;

	return false;
}

/* One end answers XAuth, last of its rounds; the other has one round of another kind. */
static bool makes_sense(const struct connection *c)
{
	bool ours = connection_xauth(c, true);
	size_t rounds = ours ? c->local_count : c->remote_count,
	       others = ours ? c->remote_count : c->local_count;
	const struct auth_round *first = ours ? c->local : c->remote,
				*other = ours ? c->remote : c->local;

	if (others != 1 || other->class == AUTH_CLASS_XAUTH || other->class == AUTH_CLASS_EAP)
		return false;
	if (rounds == 1)
		return other->class == AUTH_CLASS_PUBKEY;
	return rounds == 2 && first->class != AUTH_CLASS_XAUTH && first->class != AUTH_CLASS_EAP;
}

void load_xauth(struct loader *l, struct connection *c)
{
	const struct auth_round *round;

	if (!c->local || !c->remote ||
		(!rounds_have_xauth(c->local, c->local_count) &&
			!rounds_have_xauth(c->remote, c->remote_count)))
		return;
	round = connection_xauth(c, true) ? connection_xauth(c, true) : connection_xauth(c, false);
	if (!round || !makes_sense(c))
		problem_error(l->problems, round ? round->where_auth : c->where,
			"write auth = xauth as the second round of the client, after psk or rsa at both ends; or as its only round where the gateway has auth = rsa (hybrid)",
			"'%s' has XAuth where IKEv1 has no place for it", c->name);
	if (c->version == 2)
		problem_error(l->problems, round ? round->where_auth : c->where,
			"write version = 1", "'%s' has XAuth, which IKEv2 has not", c->name);
	c->version = 1; /* whatever else was allowed */
}
