/* The user-space ESP plane (RFC 4303), without a socket, a thread or a clock: packets in arrays go
 * in, packets in arrays come out. It holds the SAD and the SPD, and both directions enforce the
 * SPD.
 *
 * Outer IP and UDP headers are the host's: a sealed packet starts at its SPI and comes with the
 * path, TOS and DF of the datagram that carries it: ESP in UDP where `encap`, else raw IP
 * protocol 50.
 *
 * Transport mode through a TUN device: outbound, the packet's own IP header (and IPv6 extension
 * headers before the upper protocol: none are taken) is stripped and its payload sealed, to
 * path.remote; a packet whose destination is a selector's but not path.remote (the peer behind a
 * NAT) goes there all the same. Inbound, an IP header is built in front of the payload: source and
 * destination are path.remote's and path.local's addresses where the selectors have them, else the
 * single address of the selectors (a NAT between us, RFC 3948 §3.1.2). TCP and UDP checksums are
 * then computed anew. A peer behind a NAT (`peer_nat`) shares its address with others: its flows of TCP
 * and UDP are told from theirs, where need be with another port (track.c, RFC 3948 §5.2).
 *
 * One plane is one thread's. Every function returns 0 or a negative errno unless it says otherwise.
 */
#pragma once

#include "base/random.h"
#include "base/timer.h"
#include "crypto/crypto.h"
#include "tern/child.h"

struct esp;

struct esp_options {
	struct crypto *crypto; /* borrowed */
	struct random_source random;
	uint32_t mtu;             /* of paths nothing is known about; 0: 1500 */
	uint32_t icmp_per_second; /* too-big replies; 0: 100 */
	bool no_mss_clamp;
	/* What traps keep. 0: 64 packets and 128 KiB of one, 1024 and 1 MiB of all, 30 s. */
	size_t trap_packets, trap_bytes, kept_packets, kept_bytes;
	uint64_t kept_ns;
};

struct esp *esp_new(const struct esp_options *options); /* NULL where memory ran out */
void esp_free(struct esp *esp);                         /* wipes keys */

/* Operations: IKE_OPERATE_*. The spec is copied. */

/* An inbound SPI, random, >= 256, reserved until an SA is installed with it, it is released, or three
 * minutes have passed (less where more than 4096 are drawn meanwhile). What comes for it in that time is
 * kept: see esp_early(). -EEXIST: none was found that is free; -ENOMEM. */
int esp_allocate_spi(struct esp *esp, ike_time now, uint32_t *ret_spi);
void esp_release_spi(struct esp *esp, uint32_t spi);

/* The inbound SA and, with the first of its reqid, the policies. -EEXIST: child_id or SPI is in
 * use; -EINVAL: the spec makes no sense; -ENOMEM; -EIO: the key was refused. */
int esp_install_in(struct esp *esp, ike_time now, const struct child_spec *spec);

/* The outbound SA, of a child whose inbound SA is there: it carries its reqid's traffic from now
 * on. Where packets wait in a trap and the peer asked for the child (`answered`), what comes before
 * esp_release() waits behind them, as far as there is room. */
int esp_install_out(struct esp *esp, ike_time now, const struct child_spec *spec);
int esp_update_path(struct esp *esp, const struct child_spec *spec); /* path and encap */
int esp_remove_out(struct esp *esp, uint32_t child_id); /* the newest that is left takes over */
int esp_remove(struct esp *esp,
	uint32_t child_id); /* both; and the policies with the last of the reqid. -ENOENT */

/* A trap: packets that its selectors take and no child of its reqid does are kept, and raise
 * ESP_EVENT_ACQUIRE, once a second at most until a child comes or fails to. Of the spec: reqid, selectors, priority. Where there is
 * one, it gets these selectors. -EINVAL: no selectors; -ENOMEM. */
int esp_trap(struct esp *esp, const struct child_spec *spec);
int esp_untrap(struct esp *esp, uint32_t reqid);       /* and drops what it kept. -ENOENT */
void esp_trap_failed(struct esp *esp, uint32_t reqid); /* drops what it kept */

/* A shunt, of the spec's mode CHILD_PASS or CHILD_DROP: its packets are dropped, by a reason of their own.
 * Those of PASS too: nothing can leave from here in the clear, and routes keep them away. What comes
 * decrypted falls under DROP as well. Without a priority PASS comes before all that has selectors alone, and
 * DROP behind. Otherwise as a trap; esp_trap_stats() counts. */
int esp_shunt(struct esp *esp, const struct child_spec *spec);
int esp_unshunt(struct esp *esp, uint32_t reqid); /* -ENOENT */

/* What the host learned of a path: the biggest outer IP packet that reaches `remote`. 0 forgets.
 * Values below 576 (IPv4) or 1280 (IPv6) are taken as these. Applies to the SAs there are and, kept
 * with the path, follows updates. */
void esp_set_pmtu(struct esp *esp, const struct address *remote, uint32_t mtu);

/* Packets. */

enum esp_verdict {
	ESP_DROP,    /* see reason */
	ESP_SEND,    /* outbound: packet is ESP, to be sent along path */
	ESP_KEPT,    /* outbound: a trap keeps it: see esp_release(); inbound: see esp_early() */
	ESP_REPLY,   /* outbound: packet is an ICMP message to be written to the TUN device */
	ESP_DELIVER, /* inbound: packet is an IP packet to be written to the TUN device */
};

enum esp_reason {
	ESP_REASON_NONE,
	ESP_REASON_MALFORMED, /* not an IP packet, or not ESP */
	ESP_REASON_NO_POLICY, /* outbound: no selectors fit */
	ESP_REASON_NO_SA,     /* inbound: unknown SPI; outbound: a policy without an outbound SA */
	ESP_REASON_EXHAUSTED, /* sequence numbers or a hard limit */
	ESP_REASON_REPLAY,    /* seen, or left of the window */
	ESP_REASON_INTEGRITY,
	ESP_REASON_PADDING,
	ESP_REASON_SELECTORS, /* inbound: authenticated, but not what was negotiated */
	ESP_REASON_DUMMY,     /* inbound: next header 59: no fault, RFC 4303 §2.6 */
	ESP_REASON_ECN, /* inbound: congestion experienced over a transport that can't hear it, RFC
			   6040 §4.2 */
	ESP_REASON_FRAGMENT, /* of a packet where none is taken: transport mode */
	ESP_REASON_TOO_BIG, /* outbound: and the ICMP message about it was over the rate, or not due
			     */
	ESP_REASON_ENCAP, /* inbound: of the other outer family than the SA's (either encapsulation
			     is taken: RFC 7296 §2.23) */
	ESP_REASON_NO_ROOM,     /* the buffer given is too small */
	ESP_REASON_CRYPTO,      /* OpenSSL refused */
	ESP_REASON_TRAP_FULL,   /* outbound: the oldest of a trap, or what is too long for it */
	ESP_REASON_TRAP_LATE,   /* outbound: no child came in time */
	ESP_REASON_TRAP_FAILED, /* outbound: none will */
	ESP_REASON_EARLY_FULL,  /* inbound: before its SA, and no room to keep it */
	ESP_REASON_SHUNT_DROP,  /* either way: mode = drop */
	ESP_REASON_SHUNT_PASS,  /* outbound: mode = pass, but it came here all the same */
	ESP_REASONS,
};

const char *esp_reason_name(enum esp_reason reason); /* "no-policy" */

/* What an output buffer needs beyond the packet that goes in. */
#define ESP_OVERHEAD_MAX 128

/* One output. The caller gives memory (ESP_OVERHEAD_MAX more than the longest packet); the rest is
 * filled in. */
struct esp_out {
	uint8_t *memory;
	size_t memory_size;

	enum esp_verdict verdict;
	enum esp_reason reason; /* ESP_DROP */
	size_t source;          /* index of the input that it comes from */
	uint32_t child_id;      /* 0 where unknown */
	struct bytes packet;    /* within memory or the input's `own`; empty: ESP_DROP */
	struct ike_path path;   /* ESP_SEND; and where known with ESP_DROP inbound */
	bool encap;             /* ESP_SEND: in UDP */
	bool df;                /* ESP_SEND: set DF; false: may be fragmented on the way */
	uint8_t tos;            /* ESP_SEND: DSCP and ECN of the outer header */
};

/* A packet from the TUN device. */
struct esp_packet {
	struct bytes data;
	uint16_t
		segment_bytes; /* TCP or UDP to be cut into packets with so much payload each (the last
				   may have less); its checksum field has the sum of the pseudo-header
				   alone. 0: as it is */
	size_t segments_done; /* begins with 0; esp_outbound() counts */
};

/* Seals plaintext IP packets. Each makes at least one output (a drop is one, too), several where it
 * is cut or fragmented. Returns how many of `in` were consumed: less than `count` where `out` is used
 * up (drain it, call again with the rest); 256 outputs are always enough for one packet that isn't to
 * be cut. Every segment is a packet, for counters and limits as well; but one too-big reply stands for
 * all. */
size_t esp_outbound(struct esp *esp, ike_time now, struct esp_packet *in, size_t count,
	struct esp_out *out, size_t out_count, size_t *ret_used);

/* What traps kept and a child now takes, sealed: after esp_install_out(), until it returns 0. Returns
 * how many outputs were used; their `source` means nothing. */
size_t esp_release(struct esp *esp, ike_time now, struct esp_out *out, size_t out_count);

/* A received packet that starts at its SPI. */
struct esp_in {
	struct bytes packet;
	uint8_t *own; /* where it lies, if it may be opened there and be the output; NULL: it stays
			 as it is */
	struct ike_path path; /* ports are ignored without encap */
	bool encap;           /* it came in UDP */
	uint8_t tos;          /* of the outer header */
};

/* Opens packets: out[i] is what became of in[i]. */
void esp_inbound(
	struct esp *esp, ike_time now, const struct esp_in *in, size_t count, struct esp_out *out);

/* What came for an inbound SA before it was installed, opened: after esp_install_in(), until it returns
 * 0. Returns how many outputs were used; their `source` means nothing. At most 256 packets and 256 KiB
 * are kept, for three seconds. */
size_t esp_early(struct esp *esp, ike_time now, struct esp_out *out, size_t out_count);

/* Events. Drain after each batch. At most 64 are kept; what didn't fit is told again by a later
 * packet. */

enum esp_event_kind {
	ESP_EVENT_SOFT, /* a soft limit, or sequence numbers nearly used up: once per direction */
	ESP_EVENT_HARD, /* a hard limit: nothing passes any more */
	ESP_EVENT_MAPPING, /* encap only: the newest authenticated packet came from `remote`, not
			      path.remote */
	ESP_EVENT_UNKNOWN_SPI, /* a packet came for no SA: not more often than every 100 ms */
	ESP_EVENT_ACQUIRE,     /* a trap waits for a child */
	ESP_EVENT_SELECTORS,   /* ESP_REASON_SELECTORS: not more often than once a second */
};

#define ESP_START_BYTES 64

struct esp_event {
	enum esp_event_kind kind;
	uint32_t child_id, reqid;
	struct endpoint remote;              /* MAPPING */
	struct ike_path path;                /* UNKNOWN_SPI; ports 0 outside of UDP */
	uint32_t spi;                        /* UNKNOWN_SPI */
	struct selector source, destination; /* ACQUIRE: the packet: one address each, its protocol,
						its ports where it shows both */
	size_t start_size;                   /* SELECTORS: how the packet begins */
	uint8_t start[ESP_START_BYTES];
};

bool esp_next_event(struct esp *esp, struct esp_event *ret_event);

/* Counters. Octets are those of the IP packets inside (with transport mode as on the TUN device).
 */

struct esp_counters {
	uint64_t bytes, packets;
	ike_time last_used; /* inbound: of what came from where we send to; 0: never */
};

struct esp_child_stats {
	struct esp_counters in, out;
	bool outbound_installed, outbound_active; /* active: it carries its reqid's traffic */
	uint64_t sequence_out, sequence_in;       /* last sent, highest received */
	uint32_t mtu;                             /* the longest inner packet that fits */
	uint64_t replayed, failed;                /* dropped for replay, for integrity */
	enum cipher_backend computed_by;          /* inbound */
};

struct esp_trap_stats {
	size_t kept_packets, kept_bytes; /* now */
	uint64_t acquired, released, dropped;
};

int esp_trap_stats(
	const struct esp *esp, uint32_t reqid, struct esp_trap_stats *ret_stats); /* -ENOENT */
int esp_stats(
	const struct esp *esp, uint32_t child_id, struct esp_child_stats *ret_stats); /* -ENOENT */
uint64_t esp_drops(const struct esp *esp, enum esp_reason reason);
