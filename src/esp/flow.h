/* An IP packet as the SPD sees it, and its checksums. */
#pragma once

#include "base/address.h"

#define IPV4_HEADER_BYTES 20
#define IPV6_HEADER_BYTES 40

struct flow {
	uint8_t family; /* 4 or 6 */
	uint8_t tos;
	uint8_t protocol; /* of the upper layer */
	bool df;          /* always with IPv6 */
	bool fragment;    /* part of a packet */
	bool first;       /* whole, or with the beginning of the upper layer */
	bool ports_known;
	bool ports_paired; /* source and destination; else source_port is type << 8 | code, of ICMP
			      and its like */
	uint16_t source_port;
	uint16_t destination_port;
	struct address source;
	struct address destination;
	size_t upper; /* where the upper layer starts */
	size_t size;  /* by the IP header: what follows is TFC padding */
};

/* Whether packets of the protocol show a source and a destination port. */
bool protocol_has_ports(uint8_t protocol);

/* False for what is no well-formed IP packet. */
bool flow_read(struct bytes packet, struct flow *ret_flow);

/* One's complement sums, RFC 1071. */
uint32_t checksum_add(uint32_t sum, struct bytes data);
uint16_t checksum_end(uint32_t sum);
uint32_t checksum_pseudo(const struct flow *flow, uint8_t protocol, size_t size);

/* The checksum after a 16-bit field changed, RFC 1624. */
uint16_t checksum_adjust(uint16_t checksum, uint16_t before, uint16_t after);

/* Writes the checksum of an IPv4 header. */
void ipv4_checksum(uint8_t *header, size_t size);
