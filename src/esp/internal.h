/* What the files of the ESP plane share; for them and for their tests alone. */
#pragma once

#include "base/fellows.h"
#include "esp/esp.h"
#include "esp/flow.h"
#include "esp/offload.h"
#include "esp/replay.h"
#include "esp/spd.h"

#define ESP_HEADER_BYTES  8 /* SPI, sequence number */
#define ESP_TRAILER_BYTES 2 /* pad length, next header */
#define ESP_ALIGN         4
#define UDP_HEADER_BYTES  8
#define TCP_HEADER_BYTES  20
#define TCP_CHECKSUM_AT   16
#define UDP_CHECKSUM_AT   6

/* One in this many sequence numbers is left when an SA asks to be replaced. */
#define SEQUENCE_RESERVE 16

#define EVENTS_MAX      64
#define PATH_MTUS_MAX   1024
#define MTU_DEFAULT     1500
#define MTU_MIN_IPV4    576  /* a forged "too big" must not make us send crumbs */
#define MTU_MIN_IPV6    1280 /* RFC 8200 §5 */
#define ICMP_PER_SECOND 100
#define TRAP_PACKETS    64 /* kept of one trap */
#define TRAP_BYTES      (128u * 1024)
#define KEPT_PACKETS    1024 /* of all */
#define KEPT_BYTES      (1024u * 1024)
#define KEPT_NS         (30 * NS_PER_SECOND)
#define OFFERS_MAX      4096                  /* the oldest goes */
#define OFFER_NS        (180 * NS_PER_SECOND) /* as long as an exchange goes on */
#define EARLY_PACKETS   256
#define EARLY_BYTES     (256u * 1024)
#define EARLY_NS        (3 * NS_PER_SECOND)

enum {
	PROTOCOL_ICMPV4 = 1,
	PROTOCOL_IPV4 = 4,
	PROTOCOL_TCP = 6,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_ICMPV6 = 58,
	PROTOCOL_NO_NEXT = 59,
};

/* One SA of a child. No sealer: not installed. */
struct sa {
	struct sealer *sealer;
	struct esp_counters counters;
	bool soft_told, hard_told;
};

/* What each packet of a child needs to know of sizes: child_measure(). */
struct measures {
	bool aead;
	bool iv_random;      /* CBC's must not be foreseen */
	uint16_t offset;     /* where the payload lies in a sealed packet */
	uint16_t block, icv; /* of the cipher, of the whole */
	uint16_t alignment;
	uint32_t
		room; /* for a payload (TFC padding not counted) in an outer packet of the path MTU */
};

struct child {
	struct child *next, *prev; /* in the plane */
	struct child *sibling;     /* of the reqid: the newest outbound SA first */
	struct child_spec spec;    /* without keys and name */
	struct policy *policy;
	struct spd_rules rules;
	struct fellow along; /* those to path.remote.address */
	struct fellow peers; /* those of its peer whose flows are tracked: see track.c */
	struct sa in, out;
	uint64_t out_order; /* of the outbound SA's installation: the greatest of a reqid carries
			       the traffic */
	uint64_t sequence;  /* last sent; never goes back */
	struct replay replay;
	struct endpoint mapping_told; /* family 0: none */
	uint64_t replayed, failed;
	uint32_t path_mtu;
	struct measures measures;
};

/* What packets meet where no child takes them. */
struct trap {
	bool laid;
	enum child_mode mode; /* CHILD_PASS, CHILD_DROP: a shunt: no child ever does */
	struct selectors local, remote;
	struct spd_rules rules;
	uint32_t priority;
	bool holding;  /* a child takes what is kept, but not before esp_release(): something is */
	bool acquired; /* at least once, at acquired_at */
	ike_time acquired_at;
	struct esp_trap_stats stats;
};

/* The policies of a reqid: the selectors of its children and of its trap. */
struct policy {
	uint32_t reqid;
	uint64_t order;         /* the newest is the greatest */
	struct child *children; /* by `sibling` */
	struct child *active;   /* the newest outbound SA; NULL: none */
	struct trap trap;
};

/* A packet that waits for a child. */
struct kept {
	struct kept *next; /* in order of arrival, of all traps */
	struct policy *policy;
	ike_time at;
	size_t size;
	uint8_t data[];
};

/* An SPI that was chosen, for an SA that is to come. */
struct offer {
	struct offer *next, *prev; /* in order of time */
	uint32_t spi;
	ike_time at;
};

/* A packet that waits for an inbound SA. */
struct early {
	struct early *next; /* in order of arrival */
	ike_time at;
	struct esp_in in; /* its packet is `data` */
	size_t size;
	uint8_t data[];
};

struct path_mtu {
	struct address remote;
	uint32_t mtu;
};

struct esp {
	struct esp_options options;
	struct table *by_spi; /* inbound */
	struct table *by_id;
	struct table *by_remote; /* fellows `along` by path.remote.address */
	struct table *by_peer;   /* fellows `peers` */
	struct child *children;
	struct table *by_reqid; /* struct policy */
	struct spd *spd;
	uint64_t policies_made; /* ever */
	size_t drop_shunts;
	uint64_t installed; /* outbound SAs, ever */
	struct esp_event events[EVENTS_MAX];
	size_t event_first, event_count;
	struct path_mtu path_mtus[PATH_MTUS_MAX];
	size_t path_mtu_count, path_mtu_next;
	ike_time unknown_told_at, selectors_told_at;
	struct kept *kept, **kept_end;
	size_t kept_packets, kept_bytes;
	struct table *by_flow; /* each track twice: see track.c */
	struct track *tracks;
	size_t track_count;
	struct table *offered; /* struct offer by SPI */
	struct offer *offers, *offers_last;
	struct early *early, **early_end;
	size_t early_packets, early_bytes;
	uint64_t icmp_tokens_ns;
	ike_time icmp_filled_at;
	uint64_t drops[ESP_REASONS];
	uint8_t segment[UINT16_MAX +
		1]; /* one that must be there before it is known what it becomes */
};

/* account.c */

/* False where the events are full: then it is to be told again. */
bool plane_tell(struct esp *esp, const struct esp_event *event);

/* Whether another packet may pass: no hard limit is reached, and there is a sequence number. Tells
 * where not. */
bool sa_may_pass(struct esp *esp, const struct child *c, struct sa *sa);
void sa_count(struct esp *esp, ike_time now, const struct child *c, struct sa *sa, size_t size);
void out_drop(struct esp *esp, struct esp_out *out, enum esp_reason reason);

/* policy.c */

/* The policy that an outbound packet falls under; NULL: none. */
struct policy *policy_find(const struct esp *esp, const struct flow *flow);

/* Of a policy's children that can send, the newest that takes the packet; NULL: none. */
struct child *policy_child(const struct policy *p, const struct flow *flow);
struct policy *policy_of(const struct esp *esp, uint32_t reqid);

/* A selector as what the source, or the destination, of a packet has to be. */
bool selector_fits_source(const struct selector *s, const struct flow *f);
bool selector_fits_destination(const struct selector *s, const struct flow *f);
/* Bits that all its addresses begin with. */
uint8_t selector_prefix(const struct selector *s);
/* How little a pair of selectors takes, and what it is at most where their prefixes are so long. */
uint32_t pair_narrowness(const struct selector *local, const struct selector *remote);
uint32_t pair_narrowness_max(uint8_t local_prefix, uint8_t remote_prefix);

/* Whether a packet that `source` selectors may send to `destination` ones is this one. */
bool selectors_fit(const struct selectors *source, const struct selectors *destination,
	const struct flow *flow);

/* trap.c */

/* Whether a packet has to wait behind others that a child takes, but not yet: see esp_install_out(). */
bool trap_holds(const struct esp *esp, const struct policy *p, size_t size);
/* The reason that a shunt drops its packets by; ESP_REASON_NONE: it is none. Counts. */
enum esp_reason shunt_reason(struct policy *p);
/* Keeps a packet that fell under a trap, and asks for a child. ESP_REASON_NONE, or why not. */
enum esp_reason trap_keep(
	struct esp *esp, ike_time now, struct policy *p, const struct flow *f, struct bytes packet);
void kept_remove(struct esp *esp, struct kept **at);
void kept_expire(struct esp *esp, ike_time now);
void kept_clear(struct esp *esp, const struct policy *policy); /* counted as dropped */

/* track.c */

/* The port of the peer that our host is to see in place of the packet's source port. */
uint16_t track_inbound(struct esp *esp, ike_time now, const struct child *c, const struct flow *f);
/* The child that a packet goes to for what came in before, its destination port becoming the peer's own;
 * NULL: none. */
struct child *track_outbound(struct esp *esp, ike_time now, struct flow *f);
/* Puts a port into the header of TCP or UDP, and mends its checksum. */
void track_show(uint8_t *upper, const struct flow *f, size_t at, uint16_t port);
/* A child comes, moves (what it will be is `to`; before it leaves and joins again) and goes, the peer's tracks
 * with its last. Returns 0 or -ENOMEM: then its flows aren't told from others'. */
int tracks_join(struct esp *esp, struct child *c);
void tracks_move(struct esp *esp, const struct child *c, const struct child_spec *to);
void tracks_leave(struct esp *esp, struct child *c);
void tracks_clear(struct esp *esp);

/* path.c */

/* Before and after its path is another. Joining measures it. Returns 0 or -ENOMEM: then it won't hear of the path
 * MTU that becomes known later. */
int path_join(struct esp *esp, struct child *c);
void path_leave(struct esp *esp, struct child *c);

/* offer.c */

/* Keeps a packet for whose SPI no SA is there, if it was offered. ESP_REASON_NONE, or why not. */
enum esp_reason early_keep(struct esp *esp, ike_time now, const struct esp_in *in);
void offers_free(struct esp *esp);

/* packet.c */

/* Anew, after its suite, path, encapsulation or path MTU changed. */
void child_measure(struct child *c);

static inline size_t payload_room(const struct child *c)
{
	return c->measures.room;
}

static inline size_t payload_offset(const struct child *c)
{
	return c->measures.offset;
}

/* The longest inner packet of a family that fits. */
uint32_t child_mtu(const struct child *c, uint8_t family);
size_t sealed_size(const struct child *c, size_t payload_size);

/* What is authenticated beside the text: the packet's own header, but with an ESN. */
struct authenticated {
	struct bytes head, tail;
	uint8_t esn_head[ESP_HEADER_BYTES + 4];
	uint8_t esn_tail[4];
};

struct inner {
	size_t size; /* with TFC padding */
	uint8_t next_header;
};

/* Takes a sequence number and writes what stands around the payload, which lies at payload_offset(). What is
 * left to do is the cipher's, and needs `a` until then. */
struct sealer_packet packet_close(
	struct child *c, uint8_t *packet, struct inner inner, struct authenticated *a);

/* The same of a packet that came. */
struct sealer_packet packet_sealed(const struct child *c, uint8_t *packet, size_t size,
	uint64_t sequence, struct authenticated *a);
size_t packet_size(const struct child *c, const struct sealer_packet *work);

/* Draws IVs where they are to be random, and seals. False: OpenSSL refused. */
bool packet_seal(const struct esp *esp, struct child *c, const struct sealer_packet *work);
void packet_seal_many(
	const struct esp *esp, struct child *c, struct sealer_packet *work, size_t count);
bool packet_open(struct child *c, const struct sealer_packet *work); /* false: not authentic */
enum esp_reason packet_unpad(const struct child *c, const uint8_t *packet, size_t size,
	struct bytes *ret_payload, uint8_t *ret_next_header);

/* tos.c */

uint8_t tos_outer(const struct child_spec *spec, uint8_t inner);

/* False: to be dropped, RFC 6040 §4.2. */
bool tos_inner(const struct child_spec *spec, uint8_t outer, uint8_t inner, uint8_t *ret_tos);

/* Rewrites the field within a packet, and IPv4's checksum. */
void tos_set(uint8_t *packet, uint8_t tos);

/* mss.c */

/* Lowers the MSS of a SYN to what fits into `mtu`. The packet must be whole and well formed up to
 * TCP. */
void mss_clamp(uint8_t *tcp, size_t size, uint8_t family, uint32_t mtu);

/* icmp.c */

/* Builds the "too big" reply to a packet. Returns its size, or 0 where none is due. */
size_t icmp_too_big(
	const struct flow *flow, struct bytes packet, uint32_t mtu, uint8_t *out, size_t out_size);
bool icmp_may_send(struct esp *esp, ike_time now);

/* fragment.c */

/* Pieces of an IPv4 packet of at most `mtu` octets each. Start with offset 0; writes one piece and
 * moves the offset. Returns the size of the piece, or 0 after the last. */
size_t fragment_next(struct bytes packet, size_t mtu, size_t *offset, uint8_t *out);
size_t fragment_count(struct bytes packet, size_t mtu);
