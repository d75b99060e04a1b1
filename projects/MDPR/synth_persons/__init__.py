"""SynthPersons: a person re-identification set drawn by this project with NumPy and Pillow.

The modules, from the person outwards: :mod:`.appearance` (what an identity looks like),
:mod:`.pose` (a walking skeleton), :mod:`.canvas` (a small depth-buffered renderer),
:mod:`.textures`, :mod:`.head` and :mod:`.draw` (a person on the canvas), :mod:`.carried`,
:mod:`.camera`, :mod:`.scenery` and :mod:`.park` (in colours of :mod:`.paint`),
:mod:`.occlusion`, :mod:`.photo` (one finished image), :mod:`.layout` (which images make the
set), :mod:`.sets` (its larger siblings), :mod:`.generate` (files on disk) and :mod:`.cache`
(made once, whole or not at all); :mod:`.preview` draws a contact sheet.

Lengths are metres in the body frame: x to the person's left, y up from the ground, z forward.
"""
