"""Draw a contact sheet of the SynthPersons data set: a door to `synth_persons.preview`."""

from synth_persons.preview import main

if __name__ == "__main__":
    main()
