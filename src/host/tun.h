/* The TUN device through which plaintext comes and goes. */
#pragma once

#include "base/bytes.h"

#include <net/if.h>

#define TUN_MTU_MIN 576 /* below 1280 there is no IPv6 through it */

/* The longest packet, one that is to be cut included: IPv6's header and 65535 octets; and what the
 * kernel says about it in front, where it does. */
#define TUN_HEADER_BYTES     10
#define TUN_READ_BYTES       (TUN_HEADER_BYTES + 40 + 65535)
#define TUN_WRITE_PIECES_MAX 64

struct tun {
	int fd; /* non-blocking; -1: closed */
	unsigned index;
	char name[IFNAMSIZ];
	bool has_header; /* false: the kernel says nothing about packets, and takes none to be cut */
	bool cuts_udp;   /* it takes such of UDP: Linux 6.2 */
	uint64_t write_failed; /* packets that it didn't take */
};

/* Makes the device and brings it up. Returns 0, or a negative errno with words for people in
 * `problem`. It disappears with the descriptor, so a crash leaves none. */
int tun_open(struct tun *t, const char *name, unsigned mtu, char *problem, size_t problem_size);
void tun_close(struct tun *t);

/* Reads one packet into `memory`, of TUN_READ_BYTES; *ret_packet is within it. Where it is to be cut,
 * *ret_segment_bytes is the payload of each part, and its checksum field has the sum of the
 * pseudo-header; else 0, and all checksums are computed. False where there is none; an empty packet
 * where the kernel's words about it make no sense. */
bool tun_read(
	struct tun *t, uint8_t *memory, struct bytes *ret_packet, uint16_t *ret_segment_bytes);

/* Writes one packet, given in pieces of which the first has all headers. `segment_bytes` as above, and 0
 * without `has_header`. A full queue drops, as on any link: false. */
bool tun_write(
	struct tun *t, const struct bytes *pieces, size_t piece_count, uint16_t segment_bytes);

/* What tun_read() and tun_write() do with the kernel's header, struct virtio_net_hdr: these take what was
 * read, and make what is to be written before the packet. */
bool tun_header_take(
	uint8_t *memory, size_t size, struct bytes *ret_packet, uint16_t *ret_segment_bytes);
void tun_header_make(
	const uint8_t *packet, uint16_t segment_bytes, uint8_t out[static TUN_HEADER_BYTES]);
