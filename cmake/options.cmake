# What a user may set, with -D on CMake's command line or by `ocrm55 build`.

set(OCRM55_ARTIFACT "" CACHE PATH "Folder that `ocrm55 compile` wrote")
if(NOT EXISTS "${OCRM55_ARTIFACT}/include/ocrm55_model.h")
  message(FATAL_ERROR "OCRM55_ARTIFACT=${OCRM55_ARTIFACT} is not a folder that `ocrm55 compile` wrote: "
                      "it has no include/ocrm55_model.h")
endif()
get_filename_component(OCRM55_ARTIFACT "${OCRM55_ARTIFACT}" ABSOLUTE)

# A program of several networks: other artifacts, as a list, and the C file with main in place of firmware/src/main.c. Each
# network was placed as if it were alone: where two do not fit, say OCRM55_HOT_WEIGHTS_REGION and the like below.
set(OCRM55_MORE_ARTIFACTS "" CACHE STRING "More folders that `ocrm55 compile` wrote, to be linked as well")
set(OCRM55_MAIN "" CACHE FILEPATH "The program, in place of src/main.c")

# A program for pages: the folder of the detector that finds the lines which OCRM55_ARTIFACT, a recognizer, reads.
set(OCRM55_DETECTOR "" CACHE PATH "Folder of a detector that `ocrm55 compile` wrote")

option(OCRM55_FRAMES "Build the program for a camera: it reads a region of each frame (firmware/camera)" OFF)
option(OCRM55_NATIVE "Build a program of this computer, by its own compiler, instead of a board's firmware" OFF)
set(OCRM55_PLATFORM "corstone300" CACHE STRING "Board: a folder of firmware/platform, or the path of one of your own")
set(OCRM55_VERSION "unversioned" CACHE STRING "Version that the firmware says at its start")
set(OCRM55_DEFINES "" CACHE STRING "More preprocessor definitions for the program, as a list")

# Where things go: names of regions of board.json. Empty: as its `placement` says.
set(OCRM55_MEMORY_MAP "" CACHE FILEPATH "File with other memories than board.json has")
set(OCRM55_ARENA_REGION "" CACHE STRING "Region of the arena")
set(OCRM55_WEIGHTS_REGION "" CACHE STRING "Region of the weights")
set(OCRM55_HOT_WEIGHTS_REGION "" CACHE STRING "Region of the weights that are read most often")
set(OCRM55_FAR_WEIGHTS_REGION "" CACHE STRING "Region of the weights that are read least often, if they lie apart")
set(OCRM55_IMAGES_REGION "" CACHE STRING "Region of the images")
set(OCRM55_STACK_BYTES "" CACHE STRING "Size of the stack")

# The NPU's driver: how long a region may take; ask STATUS instead of waiting for the interrupt; Arm's driver instead of
# ours, a checkout of ethos-u-core-driver.
set(OCRM55_NPU_TIMEOUT_MS "" CACHE STRING "Time limit of a region on the NPU")
option(OCRM55_NPU_POLL "Poll the NPU instead of using its interrupt" OFF)
set(OCRM55_ETHOSU_DRIVER "$ENV{ETHOSU_DRIVER_ROOT}" CACHE PATH "Arm's ethos-u-core-driver, to be used instead of ours")

# -O3: gcc 12 unrolls and schedules the Helium loops only there. Contraction to fused multiply-add is what the Helium
# kernels want; nothing here reorders sums.
set(OCRM55_KERNEL_OPTIMISATION "-O3" CACHE STRING "Optimisation of the kernels, as a list")
set(OCRM55_WARNINGS -Wall -Wextra -Werror)
