#include "ike/v2/features.h"

#include "ike/nat.h"
#include "ike/renew.h"
#include "ike/v2/auth.h"
#include "ike/v2/childless.h"
#include "ike/v2/configuration.h"
#include "ike/v2/mobike.h"
#include "ike/v2/qcd.h"
#include "ike/v2/redirect.h"
#include "ike/v2/session_resume.h"

/* IKEV2_FRAGMENTATION_SUPPORTED. */

static void put_fragmentation(struct exchange *x)
{
	if (x->sa->connection->fragmentation != FRAGMENTATION_NO)
		exchange_notify(x, IKEV2_FRAGMENTATION_SUPPORTED, BYTES_EMPTY);
}

static void read_fragmentation(struct exchange *x)
{
	struct notify n;

	x->sa->peer_fragments = chain_notify(exchange_in(x), IKEV2_FRAGMENTATION_SUPPORTED, &n);
}

/* SIGNATURE_HASH_ALGORITHMS. */

static void put_hashes(struct exchange *x)
{
	static const uint8_t hashes[] = { 0, HASH_SHA2_256, 0, HASH_SHA2_384, 0, HASH_SHA2_512, 0,
		HASH_IDENTITY };

	if (x->engine->options.signature_authentication)
		exchange_notify(x, SIGNATURE_HASH_ALGORITHMS, BYTES_OF(hashes));
}

static void read_hashes(struct exchange *x)
{
	struct ike_setup *setup = x->sa->setup;
	struct notify n;

	setup->hash_count = 0;
	if (!x->engine->options.signature_authentication ||
		!chain_notify(exchange_in(x), SIGNATURE_HASH_ALGORITHMS, &n))
		return;
	for (size_t i = 0; i + 1 < n.data.size && setup->hash_count < HASHES_MAX; i += 2)
		if (load_u16(n.data.data + i) <= 255)
			setup->hashes[setup->hash_count++] = (uint8_t)load_u16(n.data.data + i);
}

static const struct feature features[] = {
	{ .name = "NAT detection, RFC 7296 §2.23",
		.put_init = nat_notify,
		.read_init = nat_detect },
	{ .name = "fragmentation, RFC 7383",
		.put_init = put_fragmentation,
		.read_init = read_fragmentation },
	{ .name = "signature hashes, RFC 7427", .put_init = put_hashes, .read_init = read_hashes },
	{ .name = "quick crash detection, RFC 6290",
		.put_auth = qcd_put,
		.read_auth = qcd_read_auth },
	{ .name = "MOBIKE, RFC 4555", .put_auth = mobike_put_auth, .read_auth = mobike_read_auth },
	{ .name = "childless initiation, RFC 6023",
		.put_init = childless_put_init,
		.read_init = childless_read_init },
	{ .name = "session resumption, RFC 5723",
		.put_auth = resume_put_auth,
		.read_auth = resume_read_auth },
	{ .name = "multiple authentication, RFC 4739",
		.put_init = auth_multiple_put_init,
		.read_init = auth_multiple_read_init,
		.put_auth = auth_multiple_put_auth },
	{ .name = "redirect, RFC 5685",
		.put_init = redirect_put_init,
		.read_init = redirect_read_init,
		.put_auth = redirect_put_auth,
		.read_auth = redirect_read_auth },
	{ .name = "repeated authentication, RFC 4478",
		.put_auth = auth_lifetime_put,
		.read_auth = auth_lifetime_read },
	{ .name = "configuration payloads, RFC 7296 §2.19",
		.put_auth = configuration_put,
		.read_auth = configuration_read },
};

#define FEATURES (sizeof(features) / sizeof(features[0]))

void features_put_init(struct exchange *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i].put_init)
			features[i].put_init(x);
}

void features_read_init(struct exchange *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i].read_init)
			features[i].read_init(x);
}

void features_put_auth(struct exchange *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i].put_auth)
			features[i].put_auth(x);
}

void features_read_auth(struct exchange *x)
{
	for (size_t i = 0; i < FEATURES; i++)
		if (features[i].read_auth)
			features[i].read_auth(x);
}
