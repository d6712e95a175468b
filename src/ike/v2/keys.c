#include "ike/v2/keys.h"

#include <assert.h>
#include <errno.h>

#define KEYMAT_BYTES_MAX      512
#define FIXED_PRF_NONCE_BYTES 8

const struct transform *proposal_transform(const struct proposal *p, uint8_t type)
{
	for (size_t i = 0; i < p->transform_count; i++)
		if (p->transforms[i].type == type)
			return &p->transforms[i];

	return NULL;
}

uint16_t proposal_id(const struct proposal *p, uint8_t type)
{
	const struct transform *t = proposal_transform(p, type);

	return t ? t->id : 0;
}

struct seal_suite proposal_suite(const struct proposal *p)
{
	const struct transform *encr = proposal_transform(p, TRANSFORM_ENCR);

	return (struct seal_suite){
		.encr = encr ? encr->id : 0,
		.key_bits = encr ? encr->key_bits : 0,
		.integ = proposal_id(p, TRANSFORM_INTEG),
	};
}

/* SKEYSEED = prf(Ni | Nr, g^ir), or prf(SK_d(old), g^ir | Ni | Nr) when rekeying (§2.18), or
 * prf(SK_d(old), "Resumption" | Ni | Nr) (RFC 5723 §5.1). PRFs with
 * a key of fixed size take the first 64 bits of each nonce as key (§2.14). */
static int skeyseed(struct ike_sa *sa, const struct key_inputs *in, struct secret *ret_seed)
{
	uint16_t id = in->old_sk_d ? in->old_prf : proposal_id(&sa->chosen, TRANSFORM_PRF);
	bool fixed = id == PRF_AES128_XCBC || id == PRF_AES128_CMAC;
	size_t ni = fixed ? FIXED_PRF_NONCE_BYTES : in->ni.size,
	       nr = fixed ? FIXED_PRF_NONCE_BYTES : in->nr.size;
	uint8_t nonces[2 * NONCE_BYTES_MAX];
	struct bytes rekey_parts[] = { in->resumption ? bytes_of_text("Resumption") : in->shared,
		in->ni, in->nr };

	ret_seed->size = prf_output_bytes(id);
	if (in->old_sk_d)
		return prf(sa->engine->options.crypto, id, secret_bytes(in->old_sk_d), rekey_parts,
			3, ret_seed->data);

	memcpy(nonces, in->ni.data, ni);
	memcpy(nonces + ni, in->nr.data, nr);
	return prf(sa->engine->options.crypto, id, BYTES(nonces, ni + nr), &in->shared, 1,
		ret_seed->data);
}

static void take_secret(struct reader *r, size_t size, struct secret *out)
{
	secret_set(out, read_bytes(r, size));
}

static int make_sealers(struct ike_sa *sa, struct reader *r)
{
	struct seal_suite suite = proposal_suite(&sa->chosen);
	size_t integ = suite_integ_key_bytes(&suite), encr = suite_encr_key_bytes(&suite);
	struct bytes ai = read_bytes(r, integ), ar = read_bytes(r, integ);
	struct bytes ei = read_bytes(r, encr), er = read_bytes(r, encr);

	sa->keys.out = sealer_new(sa->engine->options.crypto, &suite, sa->initiator ? ei : er,
		sa->initiator ? ai : ar);
	sa->keys.in = sealer_new(sa->engine->options.crypto, &suite, sa->initiator ? er : ei,
		sa->initiator ? ar : ai);
	return sa->keys.out && sa->keys.in ? 0 : -EIO;
}

int keys_derive_ike(struct ike_sa *sa, const struct key_inputs *in)
{
	uint16_t id = proposal_id(&sa->chosen, TRANSFORM_PRF);
	struct seal_suite suite = proposal_suite(&sa->chosen);
	size_t prf_key = prf_key_bytes(id);
	size_t size =
		3 * prf_key + 2 * suite_integ_key_bytes(&suite) + 2 * suite_encr_key_bytes(&suite);
	uint8_t seed[2 * NONCE_BYTES_MAX + 2 * IKE_SPI_BYTES], keymat[KEYMAT_BYTES_MAX];
	struct writer w = writer_of(seed, sizeof(seed));
	struct reader r;
	struct secret skey;
	int error;

	assert(size <= sizeof(keymat));
	keys_clear_ike(&sa->keys);
	write_bytes(&w, in->ni);
	write_bytes(&w, in->nr);
	write_u64(&w, sa->spi_i);
	write_u64(&w, sa->spi_r);

	error = skeyseed(sa, in, &skey);
	if (!error)
		error = prf_plus(sa->engine->options.crypto, id, secret_bytes(&skey),
			writer_bytes(&w), keymat, size);
	if (!error) {
		r = reader_of(BYTES(keymat, size));
		take_secret(&r, prf_key, &sa->keys.sk_d);
		error = make_sealers(sa, &r);
		take_secret(&r, prf_key, &sa->keys.sk_pi);
		take_secret(&r, prf_key, &sa->keys.sk_pr);
	}
	secret_wipe(&skey);
	bytes_wipe(keymat, sizeof(keymat));
	return error;
}

int keys_derive_child(struct ike_sa *sa, struct child_spec *spec, bool initiator,
	struct bytes shared, struct bytes ni, struct bytes nr)
{
	size_t encr = suite_encr_key_bytes(&spec->suite),
	       integ = suite_integ_key_bytes(&spec->suite);
	uint8_t seed[2 * NONCE_BYTES_MAX + KE_BYTES_MAX], keymat[KEYMAT_BYTES_MAX];
	struct child_keys *first = initiator
		? &spec->keys_out
		: &spec->keys_in; /* initiator to responder first, §2.17 */
	struct child_keys *second = initiator ? &spec->keys_in : &spec->keys_out;
	struct writer w = writer_of(seed, sizeof(seed));
	struct reader r;
	int error;

	assert(2 * (encr + integ) <= sizeof(keymat));
	write_bytes(&w, shared);
	write_bytes(&w, ni);
	write_bytes(&w, nr);
	assert(writer_ok(&w));
	error = prf_plus(sa->engine->options.crypto, proposal_id(&sa->chosen, TRANSFORM_PRF),
		secret_bytes(&sa->keys.sk_d), writer_bytes(&w), keymat, 2 * (encr + integ));
	if (!error) {
		r = reader_of(BYTES(keymat, 2 * (encr + integ)));
		take_secret(&r, encr, &first->encr);
		take_secret(&r, integ, &first->integ);
		take_secret(&r, encr, &second->encr);
		take_secret(&r, integ, &second->integ);
	}
	bytes_wipe(seed, sizeof(seed));
	bytes_wipe(keymat, sizeof(keymat));
	return error;
}

int keys_maced_id(
	struct ike_sa *sa, bool ours, const struct ike_id *id, uint8_t *out, size_t *ret_size)
{
	uint16_t prf_id = proposal_id(&sa->chosen, TRANSFORM_PRF);
	const struct secret *key = ours == sa->initiator ? &sa->keys.sk_pi : &sa->keys.sk_pr;
	uint8_t head[4] = { id->type };
	struct bytes parts[] = { BYTES_OF(head), octets_bytes(&id->value) };

	*ret_size = prf_output_bytes(prf_id);
	return prf(sa->engine->options.crypto, prf_id, secret_bytes(key), parts, 2, out);
}

void keys_clear_ike(struct ike_keys *k)
{
	sealer_free(k->out);
	sealer_free(k->in);
	bytes_wipe(k, sizeof(*k));
}
