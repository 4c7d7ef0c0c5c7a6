# Voice prompts, spoken at build time and never stored in the tree: 8 kHz mono 16-bit WAV, one for each line of prompts/<language>.txt, and the
# sounds that are no speech.
find_program(ESPEAK_NG espeak-ng REQUIRED)
find_program(SOX sox REQUIRED)
set(prompt_source ${CMAKE_CURRENT_LIST_DIR}/prompts)
set(prompt_share ${CMAKE_BINARY_DIR}/share/confab/prompts)
set(prompt_stamps)
foreach(spoken en:en-gb de:de es:es fr:fr-fr sounds:)
  string(REPLACE ":" ";" spoken ${spoken})
  list(GET spoken 0 language)
  list(GET spoken 1 voice)
  set(stamp ${CMAKE_BINARY_DIR}/prompts-${language}.stamp)
  if(voice)
    set(source ${prompt_source}/${language}.txt)
    set(making ${prompt_source}/speak ${source} ${prompt_share}/${language} ${voice})
  else()
    set(source)
    set(making ${prompt_source}/tones ${prompt_share}/${language})
  endif()
  list(GET making 0 script)
  add_custom_command(
    OUTPUT ${stamp}
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${prompt_share}/${language}
    COMMAND ${making}
    COMMAND ${CMAKE_COMMAND} -E touch ${stamp}
    DEPENDS ${script} ${source}
    VERBATIM)
  list(APPEND prompt_stamps ${stamp})
endforeach()
add_custom_target(prompts ALL DEPENDS ${prompt_stamps})
install(DIRECTORY ${prompt_share} DESTINATION share/confab)
