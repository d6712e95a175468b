/* Bytes <-> values for IKEv1 messages: ISAKMP (RFC 2408) and the IPsec DOI (RFC 2407). No
 * allocation, no OpenSSL, no policy. Decoded values are views into the bytes given; encoders append
 * to a writer; encode after decode is the identity on canonical input. RESERVED is sent as zero and
 * ignored on receipt.
 *
 * The header, the generic payload header and so the chain have the form of IKEv2's (a cookie is an
 * SPI): header_decode(), chain_find(), chain_begin(), payload_begin() and their kin of wire/wire.h
 * serve both. So do cert_decode() and cert_encode() for CERT and CERTREQ. */
#pragma once

#include "wire/ikev1.h"
#include "wire/wire.h"

#define V1_VERSION          0x10
#define V1_SPI_MAX          16 /* both cookies */
#define V1_NONCE_BYTES_MIN  8  /* RFC 2409 §5: 8 to 256 */
#define V1_NONCE_BYTES_MAX  256
#define V1_ID_OCTETS_MAX    32 /* of an address, subnet or range */
#define V1_NOTIFY_DPD_BYTES 4  /* the sequence number of R-U-THERE, RFC 3706 §5.3 */

/* Decodes a chain that starts with payload type `first`. What to do with an unknown type is decided
 * here and nowhere else: private ones (128 and above) are skipped, as no vendor ID of ours asked
 * for them; of the others WIRE_CRITICAL_UNKNOWN says INVALID-PAYLOAD-TYPE (RFC 2408 §5.3), naming
 * *ret_unknown. `ret_padding`: the octets after the last payload, any number where it was encrypted
 * (RFC 2409 §B); NULL in the clear, where libreswan fills the last word up with as many as 3. *ret_chain
 * is valid only with WIRE_OK. A FRAGMENT has a message of its own: nothing follows it. */
enum wire_verdict v1_chain_decode(uint8_t first, struct bytes body, struct payload_chain *ret_chain,
	uint8_t *ret_unknown, struct bytes *ret_padding);

/* What a HASH payload covers that comes first in the chain: all payloads after it, with their
 * headers (also those that were skipped), without padding. `padding` is from v1_chain_decode(). */
struct bytes v1_chain_hashed(const struct payload_chain *chain, struct bytes padding);

/* Whether each payload of a chain decodes by itself: the syntax check that precedes every
 * exchange. */
bool v1_chain_well_formed(const struct payload_chain *chain);

/* Attributes, RFC 2408 §3.3: a type and either two octets (TV) or a length and as many (TLV). */

struct v1_attribute {
	uint16_t type; /* without the format bit */
	bool variable; /* TLV */
	struct bytes value;
};

/* Returns 1 and an attribute, 0 at a clean end (up to three octets of zeros may be left), -EBADMSG. */
int v1_attribute_next(struct reader *r, struct v1_attribute *ret_attribute);

/* The number that an attribute stands for, in either form and of up to 8 octets (leading zeros
 * aside); false where it is longer or empty. */
bool v1_attribute_number(const struct v1_attribute *a, uint64_t *ret_number);

void v1_attribute_encode(struct writer *w, const struct v1_attribute *a);
void v1_attribute_encode_u16(struct writer *w, uint16_t type, uint16_t value); /* TV */
void v1_attribute_encode_u32(struct writer *w, uint16_t type, uint32_t value); /* TLV, 4 octets */
void v1_attribute_encode_bytes(struct writer *w, uint16_t type, struct bytes value); /* TLV */

/* SA payload, RFC 2408 §3.4 to §3.6: DOI and situation, proposals, in them transforms, in them
 * attributes. All levels are read in place: an initiator may offer hundreds of transforms. */

struct v1_sa_reader {
	struct reader r;
	bool last_seen;
	bool any;       /* a proposal was read */
	uint8_t number; /* of the one before */
};

struct v1_proposal {
	/* Successive proposals of the same number are one offer: all of them together (RFC 2408
	 * §4.2). Numbers never fall. */
	uint8_t number;
	uint8_t protocol;        /* enum v1_protocol, or unknown */
	struct bytes spi;        /* 0 to 16 octets; 2 or 4 for IPCOMP */
	uint8_t transform_count; /* at least 1 */
	struct bytes transforms;
};

struct v1_transform_reader {
	struct reader r;
	uint8_t left;
};

struct v1_transform {
	uint8_t number;
	uint8_t id; /* V1_KEY_IKE, enum v1_esp_transform_id ... */
	struct bytes attributes;
};

/* Returns 0, -EBADMSG, -EPROTONOSUPPORT for a DOI other than IPsec's (DOI-NOT-SUPPORTED), or
 * -ENOTSUP for a situation other than SIT_IDENTITY_ONLY (SITUATION-NOT-SUPPORTED). */
int v1_sa_begin(struct bytes sa_body, struct v1_sa_reader *ret_sa);

/* Each returns 1 and a value, 0 at a clean end, or -EBADMSG. A fault in the second shows only after
 * the first was returned: v1_chain_well_formed() looks at all, down to the attributes. */
int v1_sa_next(struct v1_sa_reader *s, struct v1_proposal *ret_proposal);
struct v1_transform_reader v1_transforms_begin(const struct v1_proposal *p);
int v1_transforms_next(struct v1_transform_reader *t, struct v1_transform *ret_transform);

/* Whether another proposal than p, read from the same payload, has its number: an offer of several
 * protocols together. */
bool v1_proposal_in_bundle(struct bytes sa_body, const struct v1_proposal *p);

/* Building an SA payload's body: proposals, within each its transforms, within each its attributes
 * (written to `w` between begin and end). */
struct v1_sa_writer {
	struct writer *w;
	/* Offsets, or SIZE_MAX where there is none: */
	size_t before_at;    /* the proposal before */
	size_t proposal_at;  /* the open one */
	size_t transform_at; /* its last transform */
	uint8_t transform_count;
};

struct v1_sa_writer v1_sa_encode_begin(struct writer *w); /* DOI IPsec, SIT_IDENTITY_ONLY */
void v1_proposal_begin(struct v1_sa_writer *s, uint8_t number, uint8_t protocol, struct bytes spi);
void v1_transform_begin(struct v1_sa_writer *s, uint8_t number, uint8_t id);
void v1_transform_end(struct v1_sa_writer *s);
void v1_proposal_end(struct v1_sa_writer *s);

/* A transform as it came: what a responder answers with, since it "MUST NOT modify attributes"
 * (RFC 2409 §5). */
void v1_transform_encode(struct v1_sa_writer *s, const struct v1_transform *t);

/* KE §3.7, HASH §3.11, SIG §3.12, VID §3.16 and NAT-D are what their bodies are. NONCE §3.13: */
bool v1_nonce_valid(struct bytes body);

/* Identification, RFC 2407 §4.6.2. */
struct v1_id {
	uint8_t type;     /* enum v1_id_type */
	uint8_t protocol; /* 0: any */
	uint16_t port;    /* 0: any */
	struct bytes value;
};

/* Rejects addresses of the wrong size, masks with holes, ranges that end before they start, names
 * with control characters. */
bool v1_id_decode(struct bytes body, struct v1_id *ret_id);
void v1_id_encode(struct writer *w, const struct v1_id *id);

/* As proxy ID: the traffic that it stands for. False where it has no addresses (a name). */
bool v1_id_to_selector(const struct v1_id *id, struct selector *ret_selector);

/* The reverse: an address, a subnet, or else a range. ret_id->value points to `octets`. False where
 * its ports are neither one nor all. */
bool v1_id_from_selector(
	const struct selector *s, uint8_t octets[static V1_ID_OCTETS_MAX], struct v1_id *ret_id);

/* Notification, §3.14. */
struct v1_notify {
	uint32_t doi;
	uint8_t protocol; /* enum v1_protocol */
	uint16_t type;    /* enum v1_notify_type */
	struct bytes spi; /* ISAKMP: none, or both cookies; ESP and AH 4 octets */
	struct bytes data;
};

/* Also checks the size of the data where the notify's RFC fixes it: R-U-THERE 4, REPLAY-STATUS 4. */
bool v1_notify_decode(struct bytes body, struct v1_notify *ret_notify);
void v1_notify_encode(struct writer *w, const struct v1_notify *n);

/* The first well-formed notify of a type within a chain; false where there is none. */
bool v1_chain_notify(
	const struct payload_chain *chain, uint16_t type, struct v1_notify *ret_notify);

/* Delete, §3.15: SPIs of one protocol, `count` times spi_size octets. */
struct v1_delete {
	uint32_t doi;
	uint8_t protocol;
	uint8_t spi_size; /* ISAKMP 16, ESP and AH 4 */
	uint16_t count;   /* at least 1 */
	struct bytes spis;
};

bool v1_delete_decode(struct bytes body, struct v1_delete *ret_delete);
void v1_delete_encode(struct writer *w, const struct v1_delete *d); /* spis.size = count * size */

/* Transaction attributes, draft-dukes-ike-mode-cfg-02 §3.2: v1_attribute_next() reads the rest. */
struct v1_attributes {
	uint8_t type; /* enum v1_attributes_type */
	uint16_t identifier;
	struct reader r;
};

bool v1_attributes_begin(struct bytes body, struct v1_attributes *ret_attributes);
void v1_attributes_encode_begin(struct writer *w, uint8_t type, uint16_t identifier);

/* NAT-OA, RFC 3947 §5.2. */
bool v1_nat_oa_decode(struct bytes body, struct address *ret_address);
void v1_nat_oa_encode(struct writer *w, const struct address *a);

/* A fragment of a whole ISAKMP message. */
struct v1_fragment {
	uint16_t id;
	uint8_t number; /* from 1 */
	bool last;
	struct bytes data; /* not empty */
};

bool v1_fragment_decode(struct bytes body, struct v1_fragment *ret_fragment);
void v1_fragment_encode(struct writer *w, const struct v1_fragment *f);

/* Vendor IDs that say something to us. */
enum v1_vendor {
	V1_VENDOR_UNKNOWN,
	V1_VENDOR_RFC_3947,
	V1_VENDOR_NAT_T_02_N, /* draft-02 and a newline: the one that was widely sent */
	V1_VENDOR_NAT_T_02,
	V1_VENDOR_NAT_T_03,
	V1_VENDOR_NAT_T_00, /* known by name only: other payload numbers and no float to 4500 */
	V1_VENDOR_XAUTH,
	V1_VENDOR_DPD,
	V1_VENDOR_UNITY,
	V1_VENDOR_FRAGMENTATION, /* Cisco's; Microsoft sends it too */
	V1_VENDOR_MS_NT5,
	V1_VENDOR_GSSAPI,
	V1_VENDOR_MS_NEGOTIATION_DISCOVERY,
	V1_VENDOR_MS_INITIAL_CONTACT,
	V1_VENDOR_IKE_CGA,
	V1_VENDOR_STRONGSWAN,
	V1_VENDOR_COUNT,
};

/* Compared by what identifies it: DPD, Unity, fragmentation and Microsoft's have octets after that,
 * for a version or for capabilities. */
enum v1_vendor v1_vendor_find(struct bytes body);
/* The octets to send; empty for those that are known by name only. */
struct bytes v1_vendor_octets(enum v1_vendor vendor);
const char *v1_vendor_name(enum v1_vendor vendor); /* "DPD"; "unknown" */

/* Names for people: never fail. */
const char *v1_exchange_name(uint8_t exchange, char scratch[static NAME_TEXT_MAX]);
const char *v1_payload_name(uint8_t type, char scratch[static NAME_TEXT_MAX]);
const char *v1_notify_name(uint16_t type, char scratch[static NAME_TEXT_MAX]);
const char *v1_method_name(uint16_t method, char scratch[static NAME_TEXT_MAX]);

/* One line for a ladder: "QUICK_MODE 2863311530 [ HASH SA No ID ID ]", "ID_PROT 0 [ SA V(DPD) ]",
 * "TRANSACTION 7 [ HASH CPRQ(X_USER X_PWD) ]". Either of header and chain may be NULL; a message
 * that is still encrypted has "E" for its payloads. */
char *v1_message_print(const struct ike_header *header, const struct payload_chain *chain,
	char *out, size_t out_size);

/* One payload in words, for details: "SA: 1 ISAKMP 1 KEY_IKE: encryption 7, key length 256 ...",
 * "ID: 10.1.0.0/16[tcp/80]", "D: ESP c0000001 c0000002". Passwords and the like show their size. */
char *v1_payload_print(const struct payload *p, char *out, size_t out_size);

/* "10.0.0.1", "10.1.0.0/16", "fqdn", "C=CH, CN=y", each with "[udp/1701]" where it says more. */
char *v1_id_print(const struct v1_id *id, char *out, size_t out_size);
