"""The wire protocol: messages and a ZMTP client, standard library only, shared with the GIMP plug-in."""
