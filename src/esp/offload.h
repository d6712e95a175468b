/* Segmentation offload, done by us instead of a network card. The kernel gives the TUN device packets
 * that are to be cut on their way (TCP, or UDP in datagrams of one size), and takes such packets from it:
 * what costs once for a packet then costs once for dozens. */
#pragma once

#include "esp/flow.h"

/* A packet that is to be cut: a view. */
struct segments {
	struct bytes packet;
	uint8_t family, protocol;
	size_t upper;         /* where the header of TCP or UDP starts */
	size_t headers;       /* where the payload does */
	size_t payload_bytes; /* in each segment; the last may have less */
	size_t count;         /* at least 1 */
};

/* A packet that flow_read() has read. Its checksum field holds the sum of the pseudo-header for the
 * whole. False for what can't be cut so: neither TCP nor UDP, a fragment, no header. */
bool segments_read(const struct flow *flow, struct bytes packet, size_t payload_bytes,
	struct segments *ret_segments);

size_t segment_size(const struct segments *s, size_t index); /* with its headers */

/* Writes a segment as it goes onto the wire, all checksums computed. */
void segment_write(const struct segments *s, size_t index, uint8_t *out);

/* Packets of a batch put together again: a bundle is one packet, or segments of one flow that follow
 * each other. Bundles are in the order of their first packets, and packets of one flow stay in theirs. */

#define COALESCE_PACKETS 256 /* in a batch */
#define COALESCE_OPEN    8   /* flows that are followed at once */
#define BUNDLE_PACKETS   64

struct bundle {
	uint16_t first, last; /* packets of the batch */
	uint16_t count;
	uint16_t headers;       /* what all segments have in front; 0: it is no segment */
	uint16_t payload_bytes; /* of each but the last */
	uint32_t size;          /* of the whole packet */
	bool verified;          /* the first one's checksums */
};

struct coalescer {
	size_t packet_count, bundle_count, open_count;
	uint8_t *packets[COALESCE_PACKETS];
	size_t sizes[COALESCE_PACKETS];
	uint16_t next[COALESCE_PACKETS]; /* of the same bundle */
	struct bundle bundles[COALESCE_PACKETS];
	uint16_t open[COALESCE_OPEN]; /* bundles that may grow, the oldest first */
};

void coalesce_begin(struct coalescer *c);

/* The next packet of the batch, whole and as flow_read() accepts it: at most COALESCE_PACKETS. It stays
 * where it is; its headers may be changed. `udp`: put UDP datagrams together, too. */
void coalesce_add(struct coalescer *c, uint8_t *packet, size_t size, bool udp);

/* Makes bundle `index` one packet, in pieces: at most BUNDLE_PACKETS. Where there are several,
 * *ret_payload_bytes is what each but the last carries, and the checksum field has the sum of the
 * pseudo-header; else it is 0 and the packet as it came. */
size_t coalesce_take(struct coalescer *c, size_t index, struct bytes pieces[static BUNDLE_PACKETS],
	uint16_t *ret_payload_bytes);
