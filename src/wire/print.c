/* Proposals, messages and identities as people read them, after strongSwan's logs. */
#include "wire/dn.h"
#include "wire/text.h"
#include "wire/wire.h"

static void add_transform(struct text *t, const struct transform *transform)
{
	char scratch[NAME_TEXT_MAX];

	text_add(t, transform_name(transform->type, transform->id, scratch));
	if (transform->key_bits) {
		text_add(t, "-");
		text_add_number(t, transform->key_bits);
	}
}

/* The place of a transform type in print: ENCR, INTEG, PRF, KE, ESN, others. */
static size_t transform_rank(uint8_t type)
{
	static const uint8_t ranks[TRANSFORM_TYPES] = {
		[TRANSFORM_ENCR] = 1,
		[TRANSFORM_INTEG] = 2,
		[TRANSFORM_PRF] = 3,
		[TRANSFORM_KE] = 4,
		[TRANSFORM_ESN] = 5,
	};

	return type < TRANSFORM_TYPES && ranks[type] ? ranks[type] : TRANSFORM_TYPES;
}

char *proposal_print(const struct proposal *p, char *out, size_t out_size)
{
	static const struct text_name protocols[] = {
		{ PROTOCOL_IKE, "IKE" },
		{ PROTOCOL_AH, "AH" },
		{ PROTOCOL_ESP, "ESP" },
		{ 0, NULL },
	};
	struct text t = text_of(out, out_size);
	const char *separator = ":";
	const char *protocol = p ? text_name_find(protocols, p->protocol) : "NONE";

	text_add(&t, protocol ? protocol : "UNKNOWN");
	for (size_t rank = 1; p && rank <= TRANSFORM_TYPES; rank++) {
		for (size_t i = 0; i < p->transform_count; i++) {
			if (transform_rank(p->transforms[i].type) != rank)
				continue;
			text_add(&t, separator);
			add_transform(&t, &p->transforms[i]);
			separator = "/";
		}
	}

	return out;
}

static void add_notify(struct text *t, struct bytes body)
{
	char scratch[NAME_TEXT_MAX];
	struct notify notify;

	text_add(t, "N(");
	text_add(t, notify_decode(body, &notify) ? notify_name(notify.type, scratch) : "?");
	text_add(t, ")");
}

static void add_config(struct text *t, struct bytes body)
{
	static const struct text_name types[] = {
		{ CFG_REQUEST, "CPRQ(" },
		{ CFG_REPLY, "CPRP(" },
		{ CFG_SET, "CPS(" },
		{ CFG_ACK, "CPA(" },
		{ 0, NULL },
	};
	static const struct text_name attributes[] = {
		{ 1, "ADDR" },
		{ 2, "MASK" },
		{ 3, "DNS" },
		{ 4, "NBNS" },
		{ 6, "DHCP" },
		{ 7, "VER" },
		{ 8, "ADDR6" },
		{ 10, "DNS6" },
		{ 12, "DHCP6" },
		{ 13, "SUBNET" },
		{ 14, "SUP" },
		{ 15, "SUBNET6" },
		{ 25, "DNSDOM" },
		{ 0, NULL },
	};
	struct cp_reader cp;
	struct cp_attribute attribute;
	const char *name = cp_begin(body, &cp) ? text_name_find(types, cp.type) : NULL;
	const char *separator = "";

	text_add(t, name ? name : "CP(");
	while (name && cp_next(&cp, &attribute) > 0) {
		text_add(t, separator);
		text_add_name(t, attributes, attribute.type);
		separator = " ";
	}
	text_add(t, ")");
}

static void add_eap(struct text *t, struct bytes body)
{
	static const struct text_name codes[] = {
		{ 1, "EAP/REQ/" },
		{ 2, "EAP/RES/" },
		{ 3, "EAP/SUCC" },
		{ 4, "EAP/FAIL" },
		{ 0, NULL },
	};
	static const struct text_name types[] = {
		{ 1, "ID" },
		{ 2, "NTF" },
		{ 3, "NAK" },
		{ 4, "MD5" },
		{ 5, "OTP" },
		{ 6, "GTC" },
		{ 13, "TLS" },
		{ 18, "SIM" },
		{ 21, "TTLS" },
		{ 23, "AKA" },
		{ 25, "PEAP" },
		{ 26, "MSCHAPV2" },
		{ 254, "EXP" },
		{ 0, NULL },
	};
	struct eap_packet eap;
	const char *type;

	if (!eap_decode(body, &eap)) {
		text_add(t, "EAP/?");
		return;
	}

	text_add(t, text_name_find(codes, eap.code));
	type = text_name_find(types, eap.type);
	if (type)
		text_add(t, type);
	else if (eap.type)
		text_add_number(t, eap.type);
}

static void add_fragment(struct text *t, struct bytes body)
{
	struct skf_head skf;

	text_add(t, "SKF(");
	if (skf_decode(body, &skf)) {
		text_add_number(t, skf.number);
		text_add(t, "/");
		text_add_number(t, skf.total);
	} else {
		text_add(t, "?");
	}
	text_add(t, ")");
}

static void add_payload(struct text *t, const struct payload *p)
{
	char scratch[NAME_TEXT_MAX];

	switch (p->type) {
	case PAYLOAD_NOTIFY:
		add_notify(t, p->body);
		break;
	case PAYLOAD_CP:
		add_config(t, p->body);
		break;
	case PAYLOAD_EAP:
		add_eap(t, p->body);
		break;
	case PAYLOAD_SKF:
		add_fragment(t, p->body);
		break;
	default:
		text_add(t, payload_name(p->type, scratch));
	}
}

char *message_print(const struct ike_header *header, const struct payload_chain *chain, char *out,
	size_t out_size)
{
	char scratch[NAME_TEXT_MAX];
	struct text t = text_of(out, out_size);

	if (header) {
		text_add(&t, exchange_name(header->exchange, scratch));
		text_add(&t, header->flags & FLAG_RESPONSE ? " response " : " request ");
		text_add_number(&t, header->message_id);
		text_add(&t, " ");
	}

	text_add(&t, "[ ");
	for (size_t i = 0; chain && i < chain->count; i++) {
		add_payload(&t, &chain->payloads[i]);
		text_add(&t, " ");
	}
	text_add(&t, "]");

	return out;
}

static void add_address(struct text *t, struct bytes octets)
{
	char text[ADDRESS_TEXT_MAX];
	struct address address = address_from(octets);

	text_add(t, address_print(&address, text));
}

static void add_name(struct text *t, struct bytes name)
{
	char *start = t->out;
	size_t size = t->size;

	if (dn_add(t, name))
		return;

	*t = text_of(start, size);
	text_add(t, "(invalid DN) @#");
	text_add_hex(t, name);
}

char *id_print(const struct id_payload *id, char *out, size_t out_size)
{
	struct text t = text_of(out, out_size);

	switch (id ? id->type : 0) {
	case 0:
		text_add(&t, "%any");
		break;
	case ID_IPV4_ADDR:
	case ID_IPV6_ADDR:
		add_address(&t, id->value);
		break;
	case ID_FQDN:
	case ID_RFC822_ADDR:
		text_add_printable(&t, id->value);
		break;
	case ID_DER_ASN1_DN:
		add_name(&t, id->value);
		break;
	case ID_KEY_ID:
		text_add(&t, "@#");
		text_add_hex(&t, id->value);
		break;
	case ID_NULL:
		text_add(&t, "ID_NULL");
		break;
	default:
		text_add(&t, "(ID type ");
		text_add_number(&t, id->type);
		text_add(&t, ") @#");
		text_add_hex(&t, id->value);
	}

	return out;
}
