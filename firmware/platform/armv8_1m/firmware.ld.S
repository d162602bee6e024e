/* The program's places in a board's memories; one ELF serves the board and all of its simulators.
 *
 * Goes through the C preprocessor: CMake defines CODE_REGION, DATA_REGION, ARENA_REGION, WEIGHTS_REGION,
 * HOT_WEIGHTS_REGION, FAR_WEIGHTS_REGION, IMAGES_REGION and STACK_BYTES, and writes the MEMORY command (regions.ld) from the
 * board's file. Another board is another board.json; another placement is -DOCRM55_ARENA_REGION=DTCM and the like.
 *
 * Segments are listed by hand: ld would otherwise give a segment that starts with uninitialised memory (the stack) a
 * body of zeros in the file as soon as something loaded follows it in the same region.
 */
#ifndef FAR_WEIGHTS_REGION
#define FAR_WEIGHTS_REGION WEIGHTS_REGION
#endif
#define IN_IMAGES_REGION(end) ((end) >= ORIGIN(IMAGES_REGION) && (end) <= ORIGIN(IMAGES_REGION) + LENGTH(IMAGES_REGION) ? (end) : ORIGIN(IMAGES_REGION))

INCLUDE regions.ld

ENTRY(Reset_Handler)

PHDRS
{
    code PT_LOAD FLAGS(5);
    weights PT_LOAD FLAGS(4);
    hot_weights PT_LOAD FLAGS(4);
    far_weights PT_LOAD FLAGS(4);
    images PT_LOAD FLAGS(4);
    data PT_LOAD FLAGS(6);
    stack PT_LOAD FLAGS(6);
    bss PT_LOAD FLAGS(6);
    arena PT_LOAD FLAGS(6);
}

SECTIONS
{
    /* VTOR: the table is aligned to a power of two that holds all its entries (Armv8-M ARM, VTOR). */
    .vectors : { KEEP(*(.vectors)) } > CODE_REGION :code
    .text : { *(.text .text.*) } > CODE_REGION :code
    .rodata : { *(.rodata .rodata.*) } > CODE_REGION :code
    .ARM.extab : { *(.ARM.extab* .gnu.linkonce.armextab.*) } > CODE_REGION :code
    .ARM.exidx :
    {
        *(.ARM.exidx* .gnu.linkonce.armexidx.*)
        . = ALIGN(32); /* the grain of the memory protection unit */
        _code_end = .;
    } > CODE_REGION :code
    _code_start = ADDR(.vectors);

    /* Loaded to where they are used, by the ELF loader of the simulator (or of a debugger). */
    .ocrm55.weights : ALIGN(16) { *(.ocrm55.weights) } > WEIGHTS_REGION :weights
    .ocrm55.weights.far : ALIGN(16) { *(.ocrm55.weights.far) } > FAR_WEIGHTS_REGION :far_weights
    .ocrm55.images : ALIGN(16) { *(.ocrm55.images .ocrm55.images.*) } > IMAGES_REGION :images

    /* First in its region: what runs off its lower end leaves mapped memory, besides meeting MSPLIM. */
    .stack (NOLOAD) : ALIGN(8)
    {
        _stack_limit = .;
        . += STACK_BYTES;
        . = ALIGN(8);
        _stack_top = .;
    } > DATA_REGION :stack

    /* Start values travel with the code; start-up copies them. */
    .data : ALIGN(8)
    {
        _data_start = .;
        *(.data .data.*)
        . = ALIGN(8);
        _data_end = .;
    } > DATA_REGION AT > CODE_REGION :data
    _data_load = LOADADDR(.data);

    .bss (NOLOAD) : ALIGN(8)
    {
        _bss_start = .;
        *(.bss .bss.* COMMON)
        . = ALIGN(8);
        _bss_end = .;
    } > DATA_REGION AT > DATA_REGION :bss

    /* Behind the stack, where both are in tightly coupled memory. Loaded there: without AT it would follow .data. */
    .ocrm55.weights.hot : ALIGN(16) { *(.ocrm55.weights.hot .ocrm55.weights.hot.*) } > HOT_WEIGHTS_REGION AT > HOT_WEIGHTS_REGION :hot_weights

    /* Neither loaded nor cleared: the program writes before it reads. */
    .ocrm55.arena (NOLOAD) : ALIGN(16) { *(.ocrm55.arena .ocrm55.arena.*) } > ARENA_REGION AT > ARENA_REGION :arena

    /* Images that the host hands over take what is left of their region: symbols only, because a section of that size
     * would be cleared by QEMU's loader at every start. The weights, the arena and the compiled-in image may live in the
     * same region, so the room begins behind whichever of them ends last. */
    _images_floor = MAX(IN_IMAGES_REGION(ADDR(.ocrm55.weights) + SIZEOF(.ocrm55.weights)),
                    MAX(IN_IMAGES_REGION(ADDR(.ocrm55.weights.hot) + SIZEOF(.ocrm55.weights.hot)),
                    MAX(IN_IMAGES_REGION(ADDR(.ocrm55.weights.far) + SIZEOF(.ocrm55.weights.far)),
                    MAX(IN_IMAGES_REGION(ADDR(.ocrm55.images) + SIZEOF(.ocrm55.images)),
                    MAX(IN_IMAGES_REGION(_bss_end),
                        IN_IMAGES_REGION(ADDR(.ocrm55.arena) + SIZEOF(.ocrm55.arena)))))));
    _images_start = ALIGN(_images_floor, 64);
    _images_end = ORIGIN(IMAGES_REGION) + LENGTH(IMAGES_REGION);
    ASSERT(_images_start <= _images_end, "no room is left for images in their region")

    /* Code starts at the reset vector of the board. */
    ASSERT(ADDR(.vectors) % 512 == 0, "the vector table is not aligned to 512 bytes")
}
