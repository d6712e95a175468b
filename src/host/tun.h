/* The TUN device through which plaintext comes and goes. */
#pragma once

#include "base/bytes.h"

#include <net/if.h>

#define TUN_MTU_MIN 576 /* below 1280 there is no IPv6 through it */

struct tun {
	int fd; /* non-blocking; -1: closed */
	unsigned index;
	char name[IFNAMSIZ];
};

/* Makes the device and brings it up. Returns 0, or a negative errno with words for people in
 * `problem`. It disappears with the descriptor, so a crash leaves none. */
int tun_open(struct tun *t, const char *name, unsigned mtu, char *problem, size_t problem_size);
void tun_close(struct tun *t);
