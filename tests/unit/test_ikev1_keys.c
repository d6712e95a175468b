/* Key derivation of IKEv1 against captures of two strongSwans with the keys that they logged
 * (tests/vectors/ikev1_capture.py): each message is decrypted with the IV that should be its, its
 * hash or signature checked, and each quick mode's KEYMAT compared. */
#include "crypto/pki.h"
#include "ike/v1/keys.h"
#include "octets.h"
#include "wire/isakmp_transforms.h"

#include <errno.h>
#include <stdio.h>

#define LINES_MAX     96
#define MESSAGE_BYTES 2048
#define EXCHANGES_MAX 16

struct line {
	char word[20];
	struct bytes value;
	bool taken;
};

struct capture {
	char path[256];
	size_t count;
	struct line lines[LINES_MAX];
	size_t used;
	uint8_t octets[65536];
};

static void capture_read(struct capture *c, const char *name)
{
	static char hex[2 * MESSAGE_BYTES + 64];
	char line[2 * MESSAGE_BYTES + 128], path[512];
	FILE *in;

	snprintf(path, sizeof(path), VECTORS_DIRECTORY "/ikev1_%s.txt", name);
	in = fopen(path, "r");
	if (!in)
		fail_msg("no file %s", path);
	while (fgets(line, sizeof(line), in)) {
		struct line *l = &c->lines[c->count];
		int size;

		if (line[0] == '#')
			continue;
		assert_true(c->count++ < LINES_MAX);
		assert_int_equal(sscanf(line, "%19s %4159s", l->word, hex), 2);
		size = bytes_from_hex(hex, c->octets + c->used, sizeof(c->octets) - c->used);
		assert_true(size > 0);
		l->value = BYTES(c->octets + c->used, (size_t)size);
		c->used += (size_t)size;
	}
	fclose(in);
}

/* The next one of this word; empty where there is none left. */
static struct bytes capture_take(struct capture *c, const char *word)
{
	for (size_t i = 0; i < c->count; i++) {
		struct line *l = &c->lines[i];

		if (l->taken || strcmp(l->word, word) != 0)
			continue;
		l->taken = true;
		return l->value;
	}

	return BYTES_EMPTY;
}

static void assert_logged(struct capture *c, const char *word, struct bytes found)
{
	struct bytes logged = capture_take(c, word);

	if (!logged.size || !bytes_equal(logged, found))
		fail_msg("%s: %s is not what was logged", c->path, word);
}

/* What goes on in an exchange of phase 2, by its message ID. */
struct phase2 {
	uint32_t message_id;
	struct v1_iv iv;
	size_t messages;
	uint8_t first[MESSAGE_BYTES], second[MESSAGE_BYTES]; /* what ni and nr point into */
	struct bytes ni, nr;
	uint32_t spi_i, spi_r;
	struct seal_suite suite;
	bool pfs;
};

struct replay {
	struct capture capture;
	struct crypto *crypto;
	struct v1_phase1 said;
	struct v1_ike_transform chosen;
	struct v1_keys keys;
	bool keyed;
	struct v1_iv iv;                 /* of phase 1, and then its last */
	uint8_t clear[2][MESSAGE_BYTES]; /* the encrypted messages of phase 1 */
	struct bytes id_i, id_r, cert_i, cert_r;
	size_t encrypted;
	size_t quick_modes, informationals, transactions;
	size_t exchange_count;
	struct phase2 exchanges[EXCHANGES_MAX];
};

static struct bytes body_of(const struct payload_chain *chain, uint8_t type)
{
	const struct payload *p = chain_find(chain, type, 0);

	return p ? p->body : BYTES_EMPTY;
}

static void set_if(struct bytes *which, struct bytes value)
{
	if (value.size)
		*which = value;
}

/* The first transform of the first proposal: an answer has one. */
static struct v1_transform first_transform(struct bytes sa, struct v1_proposal *ret_proposal)
{
	struct v1_sa_reader s;
	struct v1_transform_reader t;
	struct v1_transform transform;

	assert_int_equal(v1_sa_begin(sa, &s), 0);
	assert_int_equal(v1_sa_next(&s, ret_proposal), 1);
	t = v1_transforms_begin(ret_proposal);
	assert_int_equal(v1_transforms_next(&t, &transform), 1);
	return transform;
}

/* Decrypts a message into `clear`. What was decrypted must encrypt to the same message again, and
 * leave the same IV. */
static void open_message(
	const struct replay *r, struct v1_iv *iv, struct bytes message, uint8_t *clear)
{
	uint8_t again[MESSAGE_BYTES];
	struct v1_iv before = *iv;

	assert_true(message.size <= MESSAGE_BYTES);
	memcpy(clear, message.data, message.size);
	assert_int_equal(v1_decrypt(&r->keys, iv, clear, message.size), 0);
	memcpy(again, clear, message.size);
	assert_int_equal(v1_encrypt(&r->keys, &before, again, message.size), 0);
	assert_memory_equal(again, message.data, message.size);
	assert_memory_equal(before.octets, iv->octets, v1_keys_block_bytes(&r->keys));

	assert_int_equal(v1_decrypt(&r->keys, &before, again, message.size - 1), -EBADMSG);
	assert_int_equal(v1_decrypt(&r->keys, &before, again, 0), -EBADMSG);
	assert_memory_equal(before.octets, iv->octets, v1_keys_block_bytes(&r->keys));
}

static uint16_t method_prf(const struct replay *r)
{
	return v1_method_prf(r->chosen.method, r->keys.prf);
}

/* Everything is there to derive from: cookies, values, nonces, g^xy. */
static void derive(struct replay *r)
{
	struct proposal p;

	if (r->keyed || !r->said.ke_i.size || !r->said.ke_r.size)
		return;

	assert_true(v1_ike_transform_to_proposal(&r->chosen, &p));
	r->said.psk = capture_take(&r->capture, "psk");
	r->said.shared = capture_take(&r->capture, "secret");
	assert_int_equal(v1_keys_derive(r->crypto, &p, &r->said, &r->keys), 0);
	assert_logged(&r->capture, "skeyid", secret_bytes(&r->keys.skeyid));
	assert_logged(&r->capture, "skeyid-d", secret_bytes(&r->keys.skeyid_d));
	assert_logged(&r->capture, "skeyid-a", secret_bytes(&r->keys.skeyid_a));
	assert_int_equal(v1_iv_phase1(&r->keys, &r->said, &r->iv), 0);
	assert_logged(&r->capture, "iv", BYTES(r->iv.octets, v1_keys_block_bytes(&r->keys)));
	r->keyed = true;
}

/* HASH_I or HASH_R in the message, or a signature of it by the key of the certificate that is there,
 * too. */
static void check_authentication(
	struct replay *r, const struct payload_chain *chain, bool of_initiator)
{
	struct bytes hash = body_of(chain, V1_PAYLOAD_HASH), sig = body_of(chain, V1_PAYLOAD_SIG);
	struct v1_hash_of whose = { of_initiator, method_prf(r), of_initiator ? r->id_i : r->id_r };
	uint8_t out[V1_HASH_BYTES_MAX];
	struct bytes found = BYTES(out, prf_output_bytes(whose.prf_id));
	struct certificate *cert;
	struct cert_payload payload;
	uint8_t forged[V1_HASH_BYTES_MAX];

	if (!hash.size && !sig.size)
		return;

	assert_int_equal(v1_hash_phase1(&r->keys, &r->said, &whose, out), 0);
	assert_logged(&r->capture, of_initiator ? "hash-i" : "hash-r", found);
	if (hash.size) {
		assert_true(bytes_equal(hash, found));
		return;
	}

	assert_true(cert_decode(of_initiator ? r->cert_i : r->cert_r, &payload));
	assert_int_equal(payload.encoding, V1_CERT_X509_SIGNATURE);
	assert_int_equal(certificate_load(r->crypto, payload.data, &cert), 0);
	assert_int_equal(hash_verify(r->crypto, certificate_key(cert), found, sig), 0);
	memcpy(forged, out, sizeof(forged));
	forged[0] ^= 1;
	assert_int_equal(
		hash_verify(r->crypto, certificate_key(cert), BYTES(forged, found.size), sig),
		-EBADMSG);
	certificate_free(cert);
}

static void phase1_message(struct replay *r, const struct ike_header *h,
	const struct payload_chain *chain, bool from_initiator)
{
	struct bytes sa = body_of(chain, V1_PAYLOAD_SA), ke = body_of(chain, V1_PAYLOAD_KE);
	struct v1_proposal p;
	struct v1_transform t;

	r->said.cookie_i = h->spi_i;
	r->said.cookie_r = h->spi_r;
	if (sa.size && from_initiator)
		r->said.sa_i = sa;
	if (sa.size && !from_initiator) {
		t = first_transform(sa, &p);
		assert_int_equal(v1_ike_transform_decode(&t, &r->chosen), 0);
	}
	set_if(from_initiator ? &r->said.ke_i : &r->said.ke_r, ke);
	set_if(from_initiator ? &r->said.ni : &r->said.nr, body_of(chain, V1_PAYLOAD_NONCE));
	set_if(from_initiator ? &r->id_i : &r->id_r, body_of(chain, V1_PAYLOAD_ID));
	set_if(from_initiator ? &r->cert_i : &r->cert_r, body_of(chain, V1_PAYLOAD_CERT));
	derive(r);
	if (r->keyed)
		check_authentication(r, chain, from_initiator);
}

static struct phase2 *phase2_of(struct replay *r, uint32_t message_id)
{
	struct phase2 *p;

	for (size_t i = 0; i < r->exchange_count; i++)
		if (r->exchanges[i].message_id == message_id)
			return &r->exchanges[i];

	assert_true(r->exchange_count < EXCHANGES_MAX);
	p = &r->exchanges[r->exchange_count++];
	p->message_id = message_id;
	assert_int_equal(v1_iv_phase2(&r->keys, &r->iv, message_id, &p->iv), 0);
	return p;
}

static void assert_hash(
	const struct replay *r, const struct payload_chain *chain, const uint8_t *found)
{
	assert_int_equal(chain->payloads[0].type, V1_PAYLOAD_HASH);
	assert_true(
		bytes_equal(chain->payloads[0].body, BYTES(found, v1_keys_hash_bytes(&r->keys))));
}

static void keymat_of(struct replay *r, struct phase2 *p, bool of_initiator, struct bytes shared)
{
	struct v1_quick quick = { V1_PROTOCOL_ESP, of_initiator ? p->spi_r : p->spi_i, p->ni, p->nr,
		shared };
	struct child_keys keys;

	assert_int_equal(v1_keymat(&r->keys, &quick, &p->suite, &keys), 0);
	assert_logged(&r->capture, of_initiator ? "encr-i" : "encr-r", secret_bytes(&keys.encr));
	if (keys.integ.size)
		assert_logged(&r->capture, of_initiator ? "integ-i" : "integ-r",
			secret_bytes(&keys.integ));
}

static void take_spi(struct phase2 *p, struct bytes sa, bool of_initiator)
{
	struct v1_proposal proposal;
	struct v1_transform t = first_transform(sa, &proposal);
	struct v1_esp_transform esp;
	struct proposal agreed;

	assert_int_equal(proposal.spi.size, 4);
	*(of_initiator ? &p->spi_i : &p->spi_r) = load_u32(proposal.spi.data);
	assert_int_equal(v1_esp_transform_decode(&t, &esp), 0);
	assert_true(v1_esp_transform_to_proposal(&esp, &agreed));
	p->pfs = esp.group != 0;
	p->suite = (struct seal_suite){ 0 };
	for (size_t i = 0; i < agreed.transform_count; i++) {
		if (agreed.transforms[i].type == TRANSFORM_ENCR) {
			p->suite.encr = agreed.transforms[i].id;
			p->suite.key_bits = agreed.transforms[i].key_bits;
		}
		if (agreed.transforms[i].type == TRANSFORM_INTEG)
			p->suite.integ = agreed.transforms[i].id;
	}
}

static void quick_mode_message(
	struct replay *r, struct phase2 *p, const struct payload_chain *chain, struct bytes padding)
{
	struct bytes rest = v1_chain_hashed(chain, padding), shared = BYTES_EMPTY;
	uint8_t hash[V1_HASH_BYTES_MAX];

	switch (p->messages++) {
	case 0:
		p->ni = body_of(chain, V1_PAYLOAD_NONCE);
		take_spi(p, body_of(chain, V1_PAYLOAD_SA), true);
		assert_int_equal(v1_hash_1(&r->keys, p->message_id, rest, hash), 0);
		break;
	case 1:
		p->nr = body_of(chain, V1_PAYLOAD_NONCE);
		take_spi(p, body_of(chain, V1_PAYLOAD_SA), false);
		assert_int_equal(v1_hash_2(&r->keys, p->message_id, p->ni, rest, hash), 0);
		break;
	default:
		assert_int_equal(v1_hash_3(&r->keys, p->message_id, p->ni, p->nr, hash), 0);
		if (p->pfs)
			shared = capture_take(&r->capture, "quick-secret");
		keymat_of(r, p, true, shared);
		keymat_of(r, p, false, shared);
		r->quick_modes++;
	}
	assert_hash(r, chain, hash);
}

static void phase2_message(struct replay *r, const struct ike_header *h, struct bytes message)
{
	struct phase2 *p = phase2_of(r, h->message_id);
	uint8_t *clear = p->messages == 0 ? p->first : p->second, unknown;
	uint8_t hash[V1_HASH_BYTES_MAX];
	struct payload_chain chain;
	struct bytes padding;

	assert_true(h->flags & V1_FLAG_ENCRYPTION);
	if (p->messages == 2)
		clear = r->clear[0];
	open_message(r, &p->iv, message, clear);
	assert_int_equal(v1_chain_decode(h->next_payload, BYTES(clear, message.size), &chain,
				 &unknown, &padding),
		WIRE_OK);
	assert_true(v1_chain_well_formed(&chain));
	if (h->exchange == V1_QUICK_MODE) {
		quick_mode_message(r, p, &chain, padding);
		return;
	}

	assert_int_equal(
		v1_hash_1(&r->keys, h->message_id, v1_chain_hashed(&chain, padding), hash), 0);
	assert_hash(r, &chain, hash);
	if (h->exchange == V1_TRANSACTION) {
		assert_non_null(chain_find(&chain, V1_PAYLOAD_ATTRIBUTES, 0));
		r->transactions++;
		return;
	}
	assert_int_equal(h->exchange, V1_INFORMATIONAL);
	assert_non_null(chain_find(&chain, V1_PAYLOAD_DELETE, 0));
	r->informationals++;
}

static void message(struct replay *r, struct bytes datagram, bool from_initiator)
{
	struct payload_chain chain;
	struct ike_header h;
	struct bytes payloads, padding;
	uint8_t unknown;
	bool encrypted;

	assert_true(header_decode(datagram, &h) && h.length == datagram.size);
	payloads = BYTES(datagram.data + IKE_HEADER_BYTES, datagram.size - IKE_HEADER_BYTES);
	if (h.message_id) {
		phase2_message(r, &h, payloads);
		return;
	}

	encrypted = h.flags & V1_FLAG_ENCRYPTION;
	if (encrypted) {
		uint8_t *clear = r->clear[r->encrypted++];

		open_message(r, &r->iv, payloads, clear);
		payloads = BYTES(clear, payloads.size);
	}
	assert_int_equal(v1_chain_decode(h.next_payload, payloads, &chain, &unknown,
				 encrypted ? &padding : NULL),
		WIRE_OK);
	assert_true(v1_chain_well_formed(&chain));
	phase1_message(r, &h, &chain, from_initiator);
}

static void replay(const char *name, size_t transactions)
{
	struct replay *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	r->crypto = crypto_new(NULL);
	snprintf(r->capture.path, sizeof(r->capture.path), "%s", name);
	capture_read(&r->capture, name);
	for (size_t i = 0; i < r->capture.count; i++) {
		const struct line *l = &r->capture.lines[i];

		if (strncmp(l->word, "from-", 5) == 0)
			message(r, l->value, strcmp(l->word, "from-initiator") == 0);
	}
	assert_int_equal(r->quick_modes, 3);
	assert_true(r->informationals > 0);
	assert_int_equal(r->transactions, transactions);
	assert_int_equal(capture_take(&r->capture, "encr-i").size, 0);
	v1_keys_clear(&r->keys);
	crypto_free(r->crypto);
	free(r);
}

#define REPLAY(name, transactions)                                                                 \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		replay(#name, transactions);                                                       \
	}

REPLAY(main_psk, 0)
REPLAY(main_psk_3des, 0)
REPLAY(main_psk_aes256_sha1, 0)
REPLAY(main_psk_sha384, 0)
REPLAY(main_psk_sha512, 0)
REPLAY(aggressive_psk, 0)
REPLAY(aggressive_xauth, 6) /* who it is, the status, an address: asked and answered */
REPLAY(main_rsa, 0)
REPLAY(aggressive_ecdsa, 0)
REPLAY(main_ecdsa, 0)
REPLAY(main_ecdsa_sha1, 0)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(main_psk),
		cmocka_unit_test(main_psk_3des),
		cmocka_unit_test(main_psk_aes256_sha1),
		cmocka_unit_test(main_psk_sha384),
		cmocka_unit_test(main_psk_sha512),
		cmocka_unit_test(aggressive_psk),
		cmocka_unit_test(aggressive_xauth),
		cmocka_unit_test(main_rsa),
		cmocka_unit_test(aggressive_ecdsa),
		cmocka_unit_test(main_ecdsa),
		cmocka_unit_test(main_ecdsa_sha1),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
