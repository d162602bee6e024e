# CMSIS-NN as users have it: nothing of it is in this project. Where it comes from, in this order:
#
#   OCRM55_CMSIS_NN   a path (`--cmsis-nn PATH`), else the environment's CMSIS_NN_ROOT. Either an installed prefix
#                     (include/arm_nnfunctions.h and lib/libcmsis-nn.a, in whatever subfolders), or a source tree, which
#                     its own CMakeLists builds with the flags of this tool chain
#   FetchContent      at OCRM55_CMSIS_NN_TAG, checked against its hash, when OCRM55_FETCH_CMSIS_NN is on
#
# ocrm55_cmsis_nn() makes the target `ocrm55_cmsis_nn` or stops with one sentence.

set(OCRM55_CMSIS_NN "$ENV{CMSIS_NN_ROOT}" CACHE PATH "CMSIS-NN: an installed prefix or a source tree")
option(OCRM55_FETCH_CMSIS_NN "Fetch CMSIS-NN where OCRM55_CMSIS_NN names none" OFF)
set(OCRM55_CMSIS_NN_TAG "v7.0.0" CACHE STRING "Release of CMSIS-NN that is fetched")
# A commit is its own hash: git checks every byte of what it names.
set(OCRM55_CMSIS_NN_COMMIT "22080c68d040c98139e6cb1549473e3149735f4d" CACHE STRING "Commit of OCRM55_CMSIS_NN_TAG")
set(OCRM55_CMSIS_NN_REPOSITORY "https://github.com/ARM-software/CMSIS-NN.git" CACHE STRING "Where it is fetched from")

# A sum is rounded once on its way to int8, as ONNX Runtime rounds it. Off: twice, as TFLite does by default.
option(OCRM55_CMSIS_NN_SINGLE_ROUNDING "Build a source tree with CMSIS_NN_USE_SINGLE_ROUNDING" ON)

# $Revision of arm_nnfunctions.h: v7.0.0 has 18.0.0, main of July 2026 has 19.1.0. Earlier ones have no fully connected
# layer with a scale a channel.
set(OCRM55_CMSIS_NN_OLDEST "18.0.0")
set(OCRM55_CMSIS_NN_NEWEST "19")

set(ocrm55_cmsis_nn_files "${CMAKE_CURRENT_LIST_DIR}")

function(ocrm55_cmsis_nn)
  set(root "${OCRM55_CMSIS_NN}")
  if(NOT root AND OCRM55_FETCH_CMSIS_NN)
    ocrm55_fetch_cmsis_nn(root)
  endif()
  if(NOT root)
    message(FATAL_ERROR "the model calls CMSIS-NN and no copy of it is named: --cmsis-nn PATH, CMSIS_NN_ROOT, or "
                        "--cmsis-nn fetch where there is network")
  endif()
  if(NOT IS_DIRECTORY "${root}")
    message(FATAL_ERROR "there is no folder ${root}, which --cmsis-nn or CMSIS_NN_ROOT names")
  endif()
  ocrm55_find_cmsis_nn_headers("${root}" include)
  ocrm55_check_cmsis_nn_version("${include}")
  if(EXISTS "${root}/Source" AND EXISTS "${root}/CMakeLists.txt")
    ocrm55_build_cmsis_nn("${root}")
    set(library cmsis-nn)
  else()
    ocrm55_installed_cmsis_nn("${root}" library)
    ocrm55_check_cmsis_nn_library("${library}")
  endif()
  add_library(ocrm55_cmsis_nn INTERFACE)
  target_include_directories(ocrm55_cmsis_nn SYSTEM INTERFACE "${include}")
  target_link_libraries(ocrm55_cmsis_nn INTERFACE "${library}")
endfunction()

function(ocrm55_fetch_cmsis_nn result)
  include(FetchContent)
  FetchContent_Declare(ocrm55_cmsis_nn_source GIT_REPOSITORY "${OCRM55_CMSIS_NN_REPOSITORY}"
                       GIT_TAG "${OCRM55_CMSIS_NN_COMMIT}" SOURCE_SUBDIR "nothing-to-build-here")
  message(STATUS "Fetching CMSIS-NN ${OCRM55_CMSIS_NN_TAG}")
  FetchContent_MakeAvailable(ocrm55_cmsis_nn_source)
  set(${result} "${ocrm55_cmsis_nn_source_SOURCE_DIR}" PARENT_SCOPE)
endfunction()

function(ocrm55_find_cmsis_nn_headers root result)
  foreach(folder Include include include/cmsis-nn include/cmsis_nn)
    if(EXISTS "${root}/${folder}/arm_nnfunctions.h")
      if(NOT EXISTS "${root}/${folder}/arm_nn_types.h")
        message(FATAL_ERROR "${root} is no complete CMSIS-NN: ${folder}/arm_nn_types.h is missing")
      endif()
      set(${result} "${root}/${folder}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
  message(FATAL_ERROR "${root} is no CMSIS-NN: it has no Include/arm_nnfunctions.h and no include/arm_nnfunctions.h")
endfunction()

function(ocrm55_check_cmsis_nn_version include)
  file(STRINGS "${include}/arm_nnfunctions.h" line REGEX "Revision: +V\\.[0-9]+" LIMIT_COUNT 1)
  if(NOT line MATCHES "V\\.([0-9]+)\\.([0-9]+)\\.([0-9]+)")
    message(FATAL_ERROR "${include}/arm_nnfunctions.h does not say its revision: is it CMSIS-NN v7.0.0 or later?")
  endif()
  set(revision "${CMAKE_MATCH_1}.${CMAKE_MATCH_2}.${CMAKE_MATCH_3}")
  if(revision VERSION_LESS OCRM55_CMSIS_NN_OLDEST)
    message(FATAL_ERROR "${include} has revision ${revision} of CMSIS-NN's functions, too old: v7.0.0 (revision "
                        "${OCRM55_CMSIS_NN_OLDEST}) or later is needed")
  endif()
  if(CMAKE_MATCH_1 GREATER OCRM55_CMSIS_NN_NEWEST)
    message(STATUS "CMSIS-NN revision ${revision} is newer than what ocrm55 was tested with")
  endif()
endfunction()

# Its own CMakeLists builds it, as it would for anybody: with -Ofast, and no CMSIS-Core.
function(ocrm55_build_cmsis_nn root)
  if(NOT CMAKE_C_FLAGS MATCHES "cortex-m55")
    message(FATAL_ERROR "CMSIS-NN has to be built for the Cortex-M55; this tool chain's flags are: ${CMAKE_C_FLAGS}")
  endif()
  # main asks for C++ as well, though not one file of what is built is C++: the C compiler may pass for it.
  set(CMAKE_CXX_COMPILER "${CMAKE_C_COMPILER}")
  set(CMAKE_CXX_COMPILER_WORKS TRUE)
  set(CMAKE_CXX_COMPILER_TARGET "${CMAKE_C_COMPILER_TARGET}")
  add_subdirectory("${root}" "${CMAKE_CURRENT_BINARY_DIR}/cmsis-nn" EXCLUDE_FROM_ALL)
  if(OCRM55_CMSIS_NN_SINGLE_ROUNDING)
    target_compile_definitions(cmsis-nn PRIVATE CMSIS_NN_USE_SINGLE_ROUNDING)
  endif()
endfunction()

function(ocrm55_installed_cmsis_nn root result)
  find_library(library NAMES cmsis-nn CMSISNN cmsis_nn PATHS "${root}" PATH_SUFFIXES lib lib64 "" NO_DEFAULT_PATH NO_CACHE)
  if(NOT library)
    message(FATAL_ERROR "${root} has CMSIS-NN's headers and no lib/libcmsis-nn.a, and no CMakeLists.txt to build it")
  endif()
  set(${result} "${library}" PARENT_SCOPE)
endfunction()

# What an archive was built for stands in its objects' attributes.
function(ocrm55_check_cmsis_nn_library library)
  find_program(ocrm55_readelf NAMES arm-none-eabi-readelf llvm-readelf-19 readelf REQUIRED)
  execute_process(COMMAND "${ocrm55_readelf}" -h -A "${library}" OUTPUT_VARIABLE said ERROR_QUIET)
  if(NOT said MATCHES "Machine: +ARM\n")
    message(FATAL_ERROR "${library} was built for another processor than the Cortex-M55")
  endif()
  if(NOT said MATCHES "Tag_CPU_arch: v8\\.1-M")
    string(REGEX MATCH "Tag_CPU_name: \"[^\"]*\"" core "${said}")
    message(FATAL_ERROR "${library} was built for another core than the Cortex-M55 (${core})")
  endif()
  if(NOT said MATCHES "Tag_MVE_arch: MVE")
    message(FATAL_ERROR "${library} was built without MVE (Helium): build it with -mcpu=cortex-m55")
  endif()
  if(NOT said MATCHES "Tag_ABI_VFP_args: VFP registers")
    message(FATAL_ERROR "${library} was built for another ABI: build it with -mfloat-abi=hard")
  endif()
endfunction()
