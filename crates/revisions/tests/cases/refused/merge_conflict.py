revision = "a1"
<<<<<<< HEAD
down_revision = "b1"
=======
down_revision = "c1"
>>>>>>> main
