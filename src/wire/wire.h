/* Bytes <-> values for IKEv2 messages. No allocation, no OpenSSL, no policy: what is well formed by
 * RFC 7296 §3 decodes, what isn't doesn't. Decoded values are views into the bytes given; encoders
 * append to a writer. Encode after decode is the identity on canonical input. */
#pragma once

#include "base/address.h"
#include "base/bytes.h"
#include "wire/ikev2.h"

#define IKE_HEADER_BYTES     28
#define IKE_SPI_BYTES        8
#define NON_ESP_MARKER_BYTES 4

struct ike_header {
	uint64_t spi_i; /* big-endian value of the octets; 0 in spi_r of the first message */
	uint64_t spi_r;
	uint8_t next_payload;
	uint8_t version; /* major << 4 | minor */
	uint8_t exchange;
	uint8_t flags; /* enum header_flag */
	uint32_t message_id;
	uint32_t length; /* of the whole message */
};

/* Only the fields: judging version and length is admission's. False where fewer than 28 octets are
 * there; more is fine: the payloads follow. */
bool header_decode(struct bytes datagram, struct ike_header *ret_header);
void header_encode(struct writer *w, const struct ike_header *header);

/* The payload chain. */

#define PAYLOADS_MAX 64

struct payload {
	uint8_t type;
	bool critical;
	struct bytes body;  /* without the generic header */
	struct bytes whole; /* with it */
};

/* A chain of payloads: a message, or the inside of an SK payload. Chosen so that exchanges can look
 * payloads up without walking bytes. */
struct payload_chain {
	size_t count;
	struct payload payloads[PAYLOADS_MAX];
};

enum wire_verdict {
	WIRE_OK,
	WIRE_SYNTAX,           /* -> INVALID_SYNTAX or silence */
	WIRE_CRITICAL_UNKNOWN, /* -> UNSUPPORTED_CRITICAL_PAYLOAD naming *ret_critical */
};

/* Decodes a chain that starts with payload type `first`. The critical-bit rule (RFC 7296 §2.5)
 * lives here and nowhere else: an unknown type is skipped (left out of the chain) unless critical;
 * the bit is ignored on known types. SK and SKF end the chain: their "next payload" is the first
 * inside. More than PAYLOADS_MAX is WIRE_SYNTAX. *ret_chain is valid only with WIRE_OK. */
enum wire_verdict chain_decode(
	uint8_t first, struct bytes body, struct payload_chain *ret_chain, uint8_t *ret_critical);

/* The nth (from 0) payload of a type, or NULL. */
const struct payload *chain_find(const struct payload_chain *chain, uint8_t type, size_t nth);
size_t chain_count(const struct payload_chain *chain, uint8_t type);

/* Building a chain. `next_at` is the offset of the octet that names the next payload. */
struct chain_writer {
	struct writer *w;
	size_t next_at;
	uint8_t first; /* type of the first payload: for the header of IKE or of the SK payload */
	size_t open_at;
};

/* Starts a chain whose first type is to be patched at `next_at` within w (for the IKE header: its
 * octet 16), or SIZE_MAX where the caller takes it from `first`. */
struct chain_writer chain_begin(struct writer *w, size_t next_at);
void payload_begin(struct chain_writer *c, uint8_t type); /* writes the generic header */
void payload_end(struct chain_writer *c); /* patches its length; > 65535 fails the writer */

/* SA payload, RFC 7296 §3.3. */

#define TRANSFORMS_MAX   64
#define PROPOSAL_SPI_MAX 8

struct transform {
	uint8_t type;
	uint16_t id;
	uint16_t key_bits; /* 0: no key length attribute */
};

struct proposal {
	uint8_t number; /* 1... in order */
	uint8_t protocol;
	uint8_t spi_size; /* 0, 4 or 8; others up to 8 only in an unusable one */
	uint8_t spi[PROPOSAL_SPI_MAX];
	/* Never choose it: an unknown protocol or transform type, the wrong size of SPI for its
	 * protocol, or a transform type of which nothing is left that we understand. */
	bool unusable;
	uint8_t transform_count;
	/* In the order of preference. One with an attribute that we don't understand is left
	 * out (RFC 7296 §3.3.6). */
	struct transform transforms[TRANSFORMS_MAX];
};

/* How many transforms of a type there are. */
size_t proposal_count(const struct proposal *p, uint8_t type);

/* Iterates over the proposals of an SA payload's body. Returns 1 and a proposal, 0 at a clean end,
 * -EBADMSG. Several proposals must be numbered from 1 without gaps; a single one has any number but
 * 0, as an answer repeats the number of what it chose. A fault in the second shows only after the
 * first was returned: chain_well_formed() looks at all. */
struct sa_reader {
	struct reader r;
	bool last_seen;
	uint8_t number; /* of the proposal before, or 0 */
};

struct sa_reader sa_begin(struct bytes sa_body);
int sa_next(struct sa_reader *s, struct proposal *ret_proposal);

void sa_encode(struct writer *w, const struct proposal *proposals, size_t count); /* the body */

/* Key exchange, §3.4. */
struct ke_payload {
	uint16_t group;
	struct bytes value;
};

bool ke_decode(struct bytes body, struct ke_payload *ret_ke);
void ke_encode(struct writer *w, uint16_t group, struct bytes value);

/* Identification, §3.5. */
struct id_payload {
	uint8_t type; /* enum id_type */
	struct bytes value;
};

bool id_decode(struct bytes body, struct id_payload *ret_id);
void id_encode(struct writer *w, const struct id_payload *id);

/* CERT §3.6 and CERTREQ §3.7: an encoding octet and data. */
struct cert_payload {
	uint8_t encoding; /* enum cert_encoding */
	struct bytes data;
};

bool cert_decode(struct bytes body, struct cert_payload *ret_cert);
void cert_encode(struct writer *w, const struct cert_payload *cert);

/* AUTH, §3.8. */
struct auth_payload {
	uint8_t method; /* enum auth_method */
	struct bytes data;
};

bool auth_decode(struct bytes body, struct auth_payload *ret_auth);
void auth_encode(struct writer *w, uint8_t method, struct bytes data);

/* Nonce, §3.9: 16 to 256 octets; the body is the nonce. */
bool nonce_valid(struct bytes body);

/* Notify, §3.10. */
struct notify {
	uint8_t protocol; /* enum protocol_id */
	uint8_t spi_size; /* 0, 4 or 8 */
	uint64_t spi;     /* value of the octets */
	uint16_t type;    /* enum notify_type */
	struct bytes data;
};

/* Also checks the size of the data where the notify's RFC fixes it: a NAT detection hash has 20
 * octets, a cookie 1 to 64, INVALID_KE_PAYLOAD 2 ... */

bool notify_decode(struct bytes body, struct notify *ret_notify);
void notify_encode(struct writer *w, const struct notify *notify);

/* The first notify of a type within a chain; false where there is none. Malformed notifies are
 * skipped here: the syntax check happened with chain_well_formed(). */
bool chain_notify(const struct payload_chain *chain, uint16_t type, struct notify *ret_notify);

/* The data of REDIRECT and REDIRECTED_FROM, RFC 5685 §9.2. */
enum gateway_type { GATEWAY_NONE = 0, GATEWAY_IPV4 = 1, GATEWAY_IPV6 = 2, GATEWAY_FQDN = 3 };

#define GATEWAY_NAME_MAX   253
#define GATEWAY_TEXT_MAX   256
#define GATEWAY_OCTETS_MAX 255

struct gateway {
	uint8_t type; /* enum gateway_type */
	uint8_t size; /* octets */
	uint8_t identity[GATEWAY_OCTETS_MAX];
};

/* False where it is cut short, of an unknown type, no address that a host can have, or no name of
 * a host. *ret_nonce: what follows it, a view. */
bool gateway_decode(struct bytes data, struct gateway *ret_gateway, struct bytes *ret_nonce);
void gateway_encode(struct writer *w, const struct gateway *g, struct bytes nonce);
bool gateway_address(const struct gateway *g, struct address *ret_address); /* false: a name */
struct gateway gateway_of_address(const struct address *a);
bool gateway_parse(const char *text, struct gateway *ret_gateway); /* an address or a name */
char *gateway_print(const struct gateway *g, char out[static GATEWAY_TEXT_MAX]);

/* Delete, §3.11. */
struct delete_payload {
	uint8_t protocol;
	uint8_t spi_size; /* 0 for IKE, 4 for ESP and AH */
	uint16_t count;   /* 0 for IKE */
	struct bytes spis;
};

bool delete_decode(struct bytes body, struct delete_payload *ret_delete);
void delete_encode(struct writer *w, uint8_t protocol, const uint32_t *spis, size_t count);

/* Traffic selectors, §3.13. Unknown types are skipped; a list with none left is empty but well
 * formed. A range that ends before it starts is not, except for OPAQUE ports. */

#define SELECTORS_MAX 64

struct selector {
	uint8_t family;      /* 4 or 6 */
	uint8_t protocol;    /* 0: any */
	uint16_t port_first; /* ICMP: type << 8 | code; 65535..0 is OPAQUE */
	uint16_t port_last;
	struct address first;
	struct address last;
};

struct selectors {
	size_t count;
	struct selector list[SELECTORS_MAX];
};

bool selectors_decode(struct bytes body, struct selectors *ret_selectors);
void selectors_encode(struct writer *w, const struct selectors *selectors);

/* "10.1.0.0/16", "10.0.0.1..10.0.0.9", "10.1.0.0/16[tcp/80]", "2001:db8::/32[udp/1000-2000]" as
 * swanctl prints them. */
#define SELECTOR_TEXT_MAX 128
char *selector_print(const struct selector *s, char out[static SELECTOR_TEXT_MAX]);

/* Configuration, §3.15. */
struct cp_attribute {
	uint16_t type;
	struct bytes value;
};

struct cp_reader {
	struct reader r;
	uint8_t type; /* enum cp_type */
};

bool cp_begin(struct bytes body, struct cp_reader *ret_cp);
int cp_next(struct cp_reader *cp, struct cp_attribute *ret_attribute); /* 1, 0 or -EBADMSG */
void cp_encode_begin(struct writer *w, uint8_t type);
void cp_encode_attribute(struct writer *w, uint16_t type, struct bytes value);

/* EAP, §3.16: the body is one EAP packet whose length field equals the body's. */
struct eap_packet {
	uint8_t code; /* 1 request, 2 response, 3 success, 4 failure */
	uint8_t identifier;
	uint8_t type; /* 0 where there is none */
	struct bytes data;
};

bool eap_decode(struct bytes body, struct eap_packet *ret_eap);
void eap_encode(struct writer *w, const struct eap_packet *eap);

/* SKF, RFC 7383 §2.5: number and total, then what SK has. */
struct skf_head {
	uint16_t number; /* from 1 */
	uint16_t total;
	struct bytes rest; /* IV, ciphertext, ICV */
};

bool skf_decode(struct bytes body, struct skf_head *ret_skf); /* rejects 0 and number > total */
void skf_encode_head(struct writer *w, uint16_t number, uint16_t total);

/* Whether each payload of a chain decodes by itself: the syntax check that precedes every exchange.
 * */
bool chain_well_formed(const struct payload_chain *chain);

/* Names for people: never fail. `scratch` is used where a value has no name ("NOTIFY_123",
 * "ENCR_99"). */
#define NAME_TEXT_MAX 40
const char *exchange_name(uint8_t exchange, char scratch[static NAME_TEXT_MAX]);
/* "SA", "KE", "IDi", "No" (the nonce), "N" */
const char *payload_name(uint8_t type, char scratch[static NAME_TEXT_MAX]);
const char *notify_name(uint16_t type, char scratch[static NAME_TEXT_MAX]);
/* strongSwan's names, see facts/vici.md: "AES_GCM_16", without key length */
const char *transform_name(uint8_t type, uint16_t id, char scratch[static NAME_TEXT_MAX]);
const char *auth_method_name(uint8_t method, char scratch[static NAME_TEXT_MAX]);

/* "ESP:AES_GCM_16-128/MODP_2048/NO_EXT_SEQ" as in strongSwan's logs: ENCR, INTEG, PRF, KE, ESN. Cut
 * to fit, always terminated, as all that print below. */
char *proposal_print(const struct proposal *p, char *out, size_t out_size);

/* One line for a ladder: "IKE_SA_INIT request 0 [ SA KE No N(NAT_DETECTION_SOURCE_IP) ]". CP shows
 * its attributes, EAP its type, SKF its number: "CPRQ(ADDR DNS)", "EAP/REQ/MD5", "SKF(1/3)". Either
 * argument may be NULL. */
char *message_print(const struct ike_header *header, const struct payload_chain *chain, char *out,
	size_t out_size);

/* "10.0.0.1", "fqdn", "user@host", "C=CH, O=x, CN=y" (in the order of the encoding, as strongSwan
 * prints), "@#hex" of a key id, "%any" for NULL and type 0. What isn't printable ASCII becomes '?'.
 * */
char *id_print(const struct id_payload *id, char *out, size_t out_size);
