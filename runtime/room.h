/* room.h: how much memory this process can have */
#ifndef PS_ROOM_H
#define PS_ROOM_H

#include <stdint.h>

/* ps_room: bytes of the machine, or the least that a memory cgroup around this process gives */
uint64_t ps_room(void);

#endif
