/* A generator with a source of our choosing: a provider built into a private library context, whose
 * one algorithm is a RAND that passes every request on to a random_source. It takes the place of
 * OpenSSL's primary, public and private DRBGs, so keys, nonces of signatures and blinding all
 * repeat when the source does. */
#include "crypto/internal.h"

#include <stdlib.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define PROVIDER_NAME  "tern-random"
#define GENERATOR_NAME "TERN-RANDOM"

#define STRENGTH_BITS     256
#define REQUEST_BYTES_MAX (1u << 16)

/* The generators have no state of their own: primary, public and private are the provider's one
 * source. */
static void *generator_new(void *provider, void *parent, const OSSL_DISPATCH *parent_calls)
{
	(void)parent;
	(void)parent_calls;
	return provider;
}

static void generator_free(void *generator)
{
	(void)generator;
}

static int generator_instantiate(void *generator, unsigned strength, int prediction_resistance,
	const unsigned char *personal, size_t personal_size, const OSSL_PARAM params[])
{
	(void)generator;
	(void)prediction_resistance;
	(void)personal;
	(void)personal_size;
	(void)params;
	return strength <= STRENGTH_BITS;
}

static int generator_uninstantiate(void *generator)
{
	(void)generator;
	return 1;
}

static int generator_generate(void *generator, unsigned char *out, size_t size, unsigned strength,
	int prediction_resistance, const unsigned char *extra, size_t extra_size)
{
	(void)prediction_resistance;
	(void)extra;
	(void)extra_size;
	if (strength > STRENGTH_BITS)
		return 0;

	random_fill(generator, out, size);
	return 1;
}

static int generator_reseed(void *generator, int prediction_resistance,
	const unsigned char *entropy, size_t entropy_size, const unsigned char *extra,
	size_t extra_size)
{
	(void)generator;
	(void)prediction_resistance;
	(void)entropy;
	(void)entropy_size;
	(void)extra;
	(void)extra_size;
	return 1;
}

/* OpenSSL asks for locks on the primary. There is nothing to lock: a context has one thread. */
static int generator_lock(void *generator)
{
	(void)generator;
	return 1;
}

static void generator_unlock(void *generator)
{
	(void)generator;
}

static const OSSL_PARAM *generator_gettable(void *generator, void *provider)
{
	static const OSSL_PARAM gettable[] = {
		OSSL_PARAM_int(OSSL_RAND_PARAM_STATE, NULL),
		OSSL_PARAM_uint(OSSL_RAND_PARAM_STRENGTH, NULL),
		OSSL_PARAM_size_t(OSSL_RAND_PARAM_MAX_REQUEST, NULL),
		OSSL_PARAM_END,
	};

	(void)generator;
	(void)provider;
	return gettable;
}

static int generator_get(void *generator, OSSL_PARAM params[])
{
	OSSL_PARAM *state = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STATE);
	OSSL_PARAM *strength = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_STRENGTH);
	OSSL_PARAM *request = OSSL_PARAM_locate(params, OSSL_RAND_PARAM_MAX_REQUEST);

	(void)generator;
	return (!state || OSSL_PARAM_set_int(state, EVP_RAND_STATE_READY)) &&
		(!strength || OSSL_PARAM_set_uint(strength, STRENGTH_BITS)) &&
		(!request || OSSL_PARAM_set_size_t(request, REQUEST_BYTES_MAX));
}

#define CALL(number, function)                                                                     \
	{                                                                                          \
		number, (void (*)(void))(function)                                                 \
	}

static const OSSL_DISPATCH generator_calls[] = {
	CALL(OSSL_FUNC_RAND_NEWCTX, generator_new),
	CALL(OSSL_FUNC_RAND_FREECTX, generator_free),
	CALL(OSSL_FUNC_RAND_INSTANTIATE, generator_instantiate),
	CALL(OSSL_FUNC_RAND_UNINSTANTIATE, generator_uninstantiate),
	CALL(OSSL_FUNC_RAND_GENERATE, generator_generate),
	CALL(OSSL_FUNC_RAND_RESEED, generator_reseed),
	CALL(OSSL_FUNC_RAND_ENABLE_LOCKING, generator_lock),
	CALL(OSSL_FUNC_RAND_LOCK, generator_lock),
	CALL(OSSL_FUNC_RAND_UNLOCK, generator_unlock),
	CALL(OSSL_FUNC_RAND_GETTABLE_CTX_PARAMS, generator_gettable),
	CALL(OSSL_FUNC_RAND_GET_CTX_PARAMS, generator_get),
	{ 0, NULL },
};

static const OSSL_ALGORITHM *provider_query(void *provider, int operation, int *ret_no_store)
{
	static const OSSL_ALGORITHM generators[] = {
		{ GENERATOR_NAME, "provider=" PROVIDER_NAME, generator_calls, NULL },
		{ NULL, NULL, NULL, NULL },
	};

	(void)provider;
	*ret_no_store = 0;
	return operation == OSSL_OP_RAND ? generators : NULL;
}

static void provider_teardown(void *provider)
{
	free(provider);
}

static const OSSL_DISPATCH provider_calls[] = {
	CALL(OSSL_FUNC_PROVIDER_QUERY_OPERATION, provider_query),
	CALL(OSSL_FUNC_PROVIDER_TEARDOWN, provider_teardown),
	{ 0, NULL },
};

/* The provider's context is a random_source, filled in by whoever loaded it. */
static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core,
	const OSSL_DISPATCH **ret_calls, void **ret_provider)
{
	struct random_source *source = calloc(1, sizeof(*source));

	(void)handle;
	(void)core;
	if (!source)
		return 0;

	*ret_calls = provider_calls;
	*ret_provider = source;
	return 1;
}

OSSL_PROVIDER *random_provider_load(OSSL_LIB_CTX *lib, const struct random_source *random)
{
	OSSL_PROVIDER *provider;

	if (OSSL_PROVIDER_add_builtin(lib, PROVIDER_NAME, provider_init) != 1)
		return NULL;

	provider = OSSL_PROVIDER_load(lib, PROVIDER_NAME);
	if (!provider)
		return NULL;

	*(struct random_source *)OSSL_PROVIDER_get0_provider_ctx(provider) = *random;
	if (RAND_set_DRBG_type(lib, GENERATOR_NAME, NULL, NULL, NULL) != 1) {
		OSSL_PROVIDER_unload(provider);
		return NULL;
	}
	return provider;
}
